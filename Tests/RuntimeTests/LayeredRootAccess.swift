import LinuxKernel
import Storage

/// Opens a file of a root directory as the engine does before a container runs.
enum LayeredRootAccess {
  static func open(_ path: String, _ directory: Int32) throws(SystemError) -> OwnedDescriptor? {
    let root = try LayeredRoot([directory])
    return try root.openRegularFile(path)
  }
}
