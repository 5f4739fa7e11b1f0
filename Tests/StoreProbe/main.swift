// store-probe ROOT RUNROOT OPERATION [NAME]: one change of a store, in a process that a fault point may end.
import Basics
import Glibc
import LinuxKernel
import Storage

guard CommandLine.arguments.count >= 4 else { exit(2) }
do {
  let location = StateLocation(root: CommandLine.arguments[1], runRoot: CommandLine.arguments[2])
  try perform(
    CommandLine.arguments[3], try StateDirectory(location), name: CommandLine.arguments.dropFirst(4).first ?? "web")
} catch let error as EngineError {
  try File.writeAll(2, Array("\(error.doing): \(error.reason)\n".utf8))
  exit(1)
}
