internal import Basics
internal import Glibc
internal import LinuxKernel
internal import Runtime
internal import Storage

/// What one start of a container has to do with the service manager that started us (systemd.service(5)), and the
/// descriptors that the program gets: those a manager has opened for this very process, then those of
/// `--preserve-fds` and `--preserve-fd`.
struct ServiceStart {
  /// Who says that the service is ready: podman's words for it.
  enum Mode: String { case container, conmon, healthy, ignore }

  let mode: Mode
  let manager: ServiceManager
  let descriptors: [Int32]
  private let settings: ContainerSettings

  /// - Parameter inherited: the descriptors that were found to be the caller's by earlier starts of this process.
  /// - Throws: `EngineError` for a descriptor that is not open, or is a directory: with one of the host's a program could
  ///   leave its root (CVE-2024-21626).
  init(
    _ settings: ContainerSettings, preserved: PreservedDescriptors, inherited: inout Set<Int32>, doing: String
  ) throws(EngineError) {
    self.settings = settings
    manager = .ofThisProcess
    mode = settings.notification.flatMap(Mode.init) ?? .container
    let inRow = Int64(manager.descriptors) + preserved.count
    descriptors = (inRow > 0 ? Array(3..<Int32(3 + inRow)) : []) + preserved.others.filter { $0 >= Int32(3 + inRow) }
    for descriptor in descriptors {
      // What we have opened ourselves is close-on-exec, and what came through exec is not: only that is the caller's.
      let flags = fcntl(descriptor, F_GETFD)
      guard inherited.contains(descriptor) || flags >= 0 && flags & FD_CLOEXEC == 0 else {
        throw EngineError(.invalidInput, doing, "descriptor \(descriptor) is not open, and it is to be passed on")
      }
      guard try during(doing, { try File.status(descriptor).kind }) != .directory else {
        throw EngineError(
          .denied, doing, "descriptor \(descriptor) is a directory of the host, by which the container could be left",
          hint: "bind it into the container with -v")
      }
      // From here on it is kept from whatever else we start.
      inherited.insert(descriptor)
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }
    if manager.descriptors > 0, programID == nil {
      throw EngineError(
        .unsupported, doing, "sockets cannot be passed on as $LISTEN_FDS with --pid \(settings.pidNamespace)",
        hint: "leave out --pid, or unset LISTEN_FDS")
    }
  }

  /// The manager hears of this start.
  var isHeard: Bool { manager.socket != nil && mode != .ignore }

  /// The program speaks to the manager itself, through a socket of ours.
  var relays: Bool { isHeard && mode == .container }

  /// What the program's environment says of all this.
  var environment: [String] {
    var result: [String] = []
    if relays {
      result.append("NOTIFY_SOCKET=" + RuntimeSpecBuilder.notifySocket)
      if let watchdog = manager.watchdog { result.append("WATCHDOG_USEC=" + watchdog) }
    }
    if manager.descriptors > 0, let programID {
      result += ["LISTEN_FDS=\(manager.descriptors)", "LISTEN_PID=\(programID)"]
      if let names = manager.descriptorNames { result.append("LISTEN_FDNAMES=" + names) }
    }
    return result
  }

  /// The program's pid as it sees it, where that is known before it exists.
  private var programID: Int? { settings.pidNamespace.isEmpty ? settings.usesInit ? 2 : 1 : nil }

  /// A manager that does not hear us waits in vain, and says so itself in the end.
  func tell(_ text: String) {
    if isHeard { try? manager.notify(text) }
  }
}
