internal import Basics
internal import CLinux
internal import Glibc
package import LinuxKernel

/// A socket in the container through which its program speaks to the service manager that started us (sd_notify(3)).
///
/// What the program says is said by this process: so the manager's `NotifyAccess=main` holds, and whatever would speak
/// of processes or descriptors, which mean other ones out there, is left out. Descriptors that come along are closed,
/// which is what `BARRIER=1` waits for.
package final class NotificationRelay {
  /// Of the socket in the runtime directory.
  package static let socketName = "notify"
  /// PIPE_BUF, which systemd takes at most.
  private static let messageLimit = 4096
  private static let retryNanoseconds: Int64 = 50_000_000
  /// What a program may say of itself.
  private static let words: Set<String> = [
    "READY", "RELOADING", "STOPPING", "STATUS", "ERRNO", "BUSERROR", "VARLINKERROR", "EXIT_STATUS", "MONOTONIC_USEC",
    "WATCHDOG", "WATCHDOG_USEC", "EXTEND_TIMEOUT_USEC",
  ]

  private let manager: ServiceManager
  private let socket: OwnedDescriptor
  private var waiting: String?

  /// Makes the socket, in place of one that an earlier start has left.
  /// - Parameter directory: the container's runtime directory.
  package init(_ manager: ServiceManager, directory: String) throws(SystemError) {
    self.manager = manager
    let opened = try File.openDirectory(directory)
    try File.removeIfPresent(at: opened.raw, Self.socketName)
    let descriptor = opened.raw
    socket = OwnedDescriptor(
      owning: try systemCall("bind", Self.socketName) { dhow_datagram_listen(descriptor, Self.socketName) })
  }

  /// Serves the socket while `loop` runs.
  func serve(_ loop: EventLoop) throws(SystemError) {
    try loop.watch(socket.raw, .readable) { _ in self.receive(loop) }
  }

  private func receive(_ loop: EventLoop) {
    var bytes = [UInt8](repeating: 0, count: Self.messageLimit)
    while waiting == nil {
      let got = recv(socket.raw, &bytes, bytes.count, Int32(truncatingIfNeeded: MSG_DONTWAIT))
      if got < 0 { return }
      let message = Self.allowed(bytes[..<got])
      if !message.isEmpty { send(message, loop) }
    }
  }

  /// A manager that is behind is waited for without holding up the container: its messages stay in the socket.
  private func send(_ message: String, _ loop: EventLoop) {
    do throws(SystemError) {
      try manager.notify(message)
    } catch {
      // Any other failure is a manager that has gone.
      guard error.errno == EAGAIN else { return }
      waiting = message
      loop.change(socket.raw, [])
      loop.after(nanoseconds: Self.retryNanoseconds) {
        self.waiting = nil
        loop.change(self.socket.raw, .readable)
        self.send(message, loop)
      }
    }
  }

  /// The assignments of a message that may be passed on.
  static func allowed(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter { line in
      guard let end = line.firstIndex(of: "="), !line.utf8.contains(0) else { return false }
      return words.contains(String(line[..<end]))
    }.joined(separator: "\n")
  }
}

extension Monitor {
  /// Passes on what the container's program tells the service manager. To be called before `run`.
  package func serve(_ relay: NotificationRelay) throws(SystemError) { try relay.serve(loop) }
}
