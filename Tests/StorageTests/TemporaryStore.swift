import Basics
import LinuxKernel
import OCI
import Storage
import TestSupport

/// Runs a body with a store in a new directory of its own, which goes afterwards.
func withStore<Result>(_ body: (StateDirectory) throws -> Result) throws -> Result {
  let parent = try makeTemporaryDirectory("dhow-store")
  defer { _ = try? run(["rm", "-rf", "--", parent]) }  // what stays behind is in a temporary directory
  let location = StateLocation(root: parent + "/root", runRoot: parent + "/run")
  return try body(try StateDirectory(location))
}
