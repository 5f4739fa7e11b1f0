package import Basics
internal import Glibc
package import LinuxKernel

/// Stops all processes of a container where they are, and lets them go on: by the freezer of its cgroup (cgroups(7)), or
/// where it has none by SIGSTOP to every process of its pid namespace, which a program can see and its parent can undo.
package struct ContainerFreezer {
  private let cgroup: CgroupPlacement
  private let program: ProcessIdentity
  private let doing: String

  /// Nanoseconds that the kernel gets to stop all; a process in an uninterruptible sleep may need longer.
  private static let patience: Int64 = 10_000_000_000
  /// Rounds in which SIGSTOP goes to processes that were started meanwhile.
  private static let rounds = 64

  package init(cgroup: CgroupPlacement, program: ProcessIdentity, doing: String) {
    self.cgroup = cgroup
    self.program = program
    self.doing = doing
  }

  /// True when the kernel does it, unseen by the programs.
  package var hasFreezer: Bool { switchFile(true).map { access($0.path, W_OK) == 0 } ?? false }

  private func switchFile(_ freeze: Bool) -> (path: String, value: String)? { cgroup.freezer(freeze) }

  /// Returns when everything in the container stands still. Without a freezer the caller must not be
  /// in a user namespace of its own: only its owner, from outside, has power over the container's.
  package func freeze() throws(EngineError) {
    guard hasFreezer, let file = switchFile(true) else { return try signalAll(SIGSTOP) }
    try write(file)
    let deadline = MonotonicClock.now + Self.patience
    while !isFrozen {
      guard MonotonicClock.now < deadline else {
        try thaw()
        throw EngineError(
          .unavailable, doing, "a process of it did not stand still within \(Self.patience / 1_000_000_000) seconds")
      }
      usleep(500)
    }
  }

  package func thaw() throws(EngineError) {
    guard hasFreezer, let file = switchFile(false) else { return try signalAll(SIGCONT) }
    try write(file)
  }

  private func write(_ file: (path: String, value: String)) throws(EngineError) {
    do throws(SystemError) {
      let descriptor = try File.open(file.path, O_WRONLY)
      try File.writeAll(descriptor.raw, Array(file.value.utf8), shown: file.path)
    } catch { throw error.engineError(doing) }
  }

  /// `frozen 1` in cgroup.events, or FROZEN in freezer.state.
  private var isFrozen: Bool {
    guard let path = switchFile(true)?.path, let slash = path.lastIndex(of: "/") else { return false }
    let isUnified = path.hasSuffix("/cgroup.freeze")
    let file = isUnified ? path[..<slash] + "/cgroup.events" : path[...]
    // A cgroup that is gone holds nothing that could move.
    let text = String(decoding: (try? File.readAll(String(file), limit: 4096)) ?? [], as: UTF8.self)
    return text.isEmpty || text.contains(isUnified ? "frozen 1" : "FROZEN")
  }

  // Without a freezer.

  /// Until a round finds nobody new: a process that is just being forked appears in the next.
  private func signalAll(_ number: Int32) throws(EngineError) {
    let space = namespace(of: program.pid)
    guard let space, space != namespace(of: getpid()) else {
      throw EngineError(
        .unsupported, doing,
        program.isAlive
          ? "it shares the pid namespace of others, and there is no freezer for it" : "its program has ended",
        hint: program.isAlive ? "a delegated cgroup (version 2) has a freezer" : nil)
    }
    var known: Set<Int32> = []
    for _ in 0..<Self.rounds {
      let found = try processes(in: space).filter { !known.contains($0.pid) }
      if found.isEmpty { return }
      for process in found {
        known.insert(process.pid)
        do throws(SystemError) { _ = try process.signal(number) } catch { throw error.engineError(doing) }
      }
    }
    throw EngineError(.unavailable, doing, "its programs start others faster than they can be stopped")
  }

  private func processes(in space: String) throws(EngineError) -> [ProcessIdentity] {
    let entries: [DirectoryEntry]
    do throws(SystemError) { entries = try File.listIfPresent("/proc") } catch { throw error.engineError(doing) }
    return entries.compactMap { entry in
      guard let pid = Int32(entry.name), namespace(of: pid) == space else { return nil }
      return ProcessIdentity(of: pid)
    }
  }

  /// Nil for one that is gone, or not ours to look at.
  private func namespace(of pid: Int32) -> String? { try? File.readLink("/proc/\(pid)/ns/pid") }
}
