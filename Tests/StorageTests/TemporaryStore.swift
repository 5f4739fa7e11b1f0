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

extension StateDirectory {
  /// Another opening of the same store, as another process would have it.
  func reopened() throws -> StateDirectory { try StateDirectory(location) }

  /// Makes a container and lets go of its lock.
  @discardableResult
  func makeContainer(
    _ name: String, layers: [Digest] = [], removesItself: Bool = false
  ) throws -> ContainerRecord {
    let draft = try ContainerStore(self).draft(removesItself: removesItself)
    try draft.claim(name)
    var settings = ContainerSettings()
    settings.autoRemove = removesItself
    let record = ContainerRecord(
      id: draft.id, name: name, created: .now, image: "busybox", layers: layers, settings: settings, command: ["sh"])
    _ = try draft.publish(record)
    return record
  }
}

func digest(_ text: String) -> Digest { SHA256Stream.digest(Array(text.utf8)) }
