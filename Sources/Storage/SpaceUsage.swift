package import Basics
import LinuxKernel
internal import Glibc

/// Bytes on disk, as du(1) counts them: allocated blocks, each inode once.
package struct SpaceUsage {
  package let directory: StateDirectory

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// Bytes that a file, or a directory with all below it, takes on disk; 0 when it does not exist.
  package func allocated(_ path: String) throws(EngineError) -> Int64 {
    try during("measuring \(path)") {
      var seen: Set<Inode> = []
      do throws(SystemError) { return try measure(at: directory.root.raw, path, &seen) } catch {
        if error.errno == ENOENT { return 0 }
        throw error
      }
    }
  }

  private struct Inode: Hashable {
    var device: UInt64
    var number: UInt64
  }

  private func measure(at parent: Int32, _ name: String, _ seen: inout Set<Inode>) throws(SystemError) -> Int64 {
    let status = try File.status(at: parent, name)
    if status.links > 1, status.kind != .directory {
      guard seen.insert(Inode(device: status.device, number: status.inode)).inserted else { return 0 }
    }
    guard status.kind == .directory else { return status.allocated }
    let opened = try File.openDirectory(at: parent, name)
    var total = status.allocated
    for entry in try File.list(opened.raw, shown: name) {
      do throws(SystemError) { total += try measure(at: opened.raw, entry.name, &seen) } catch {
        // Something that goes while we look takes no space.
        if error.errno != ENOENT { throw error }
      }
    }
    return total
  }
}
