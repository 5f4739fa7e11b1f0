package import Basics

/// Which kernel settings a container may have of its own: those that live in a namespace (namespaces(7)). All others
/// would change the host, `kernel.core_pattern` above all (CVE-2022-0811).
package enum Sysctl {
  private static let ipcNames: Set<String> = [
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
    "kernel.shm_rmid_forced",
  ]

  /// - Throws: `EngineError` for a name that is no sysctl, is not namespaced, or whose namespace is the host's.
  package static func check(
    _ name: String, _ value: String, ownsNetwork: Bool, ownsIPC: Bool, doing: String
  ) throws(EngineError) {
    let isWellFormed =
      !name.isEmpty && name.utf8.count <= 256
      && name.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF) || [0x2D, 0x2E, 0x5F].contains($0)
      } && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty }
    guard isWellFormed else {
      throw EngineError(.invalidInput, doing, "\"\(safeText(name))\" is no name of a sysctl")
    }
    guard !value.utf8.contains(0), value.utf8.count <= 4096 else {
      throw EngineError(.invalidInput, doing, "the value of the sysctl \(name) is not valid")
    }
    if ipcNames.contains(name) || name.hasPrefix("fs.mqueue.") {
      guard ownsIPC else { throw foreign(name, "--ipc", doing) }
      return
    }
    if name.hasPrefix("net.") {
      guard ownsNetwork else { throw foreign(name, "--network", doing) }
      return
    }
    throw EngineError(
      .invalidInput, doing, "the sysctl \(name) is not namespaced: it would change the host",
      hint: "allowed are net.*, fs.mqueue.*, kernel.msg*, kernel.sem and kernel.shm*")
  }

  private static func foreign(_ name: String, _ option: String, _ doing: String) -> EngineError {
    EngineError(
      .invalidInput, doing, "the sysctl \(name) cannot be set: with this \(option) the namespace is not the container's"
    )
  }
}
