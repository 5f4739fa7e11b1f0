internal import CLinux
internal import Glibc

/// What the service manager that started this process gave it, such as systemd (sd_notify(3), sd_listen_fds(3)).
package struct ServiceManager: Sendable {
  /// $NOTIFY_SOCKET: where it wants to hear from us.
  package var socket: String?
  /// Open from descriptor 3 on, and meant for this very process.
  package var descriptors = 0
  /// $LISTEN_FDNAMES, as it stands.
  package var descriptorNames: String?
  /// $WATCHDOG_USEC: microseconds within which it wants a sign of life.
  package var watchdog: String?

  private static let mostDescriptors = 4096

  /// - Parameter pid: of this process: what was meant for another is not ours.
  package init(environment: [String], pid: Int32) {
    func value(_ name: String) -> String? {
      environment.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.utf8.count + 1)) }
    }
    if let address = value("NOTIFY_SOCKET"), address.hasPrefix("/") || address.hasPrefix("@"), address.utf8.count > 1 {
      socket = address
    }
    if value("LISTEN_PID") == String(pid), let count = value("LISTEN_FDS").flatMap({ Int($0) }),
      (1...Self.mostDescriptors).contains(count)
    {
      descriptors = count
      descriptorNames = value("LISTEN_FDNAMES")
    }
    if let text = value("WATCHDOG_USEC"), UInt64(text) != nil, [nil, String(pid)].contains(value("WATCHDOG_PID")) {
      watchdog = text
    }
  }

  package static var ofThisProcess: ServiceManager {
    ServiceManager(environment: ProcessEnvironment.entries, pid: getpid())
  }

  /// Tells the manager, if there is one that listens; `text` is assignments, one a line (sd_notify(3)). Never waits.
  /// - Throws: `SystemError`, with EAGAIN when the manager is behind.
  package func notify(_ text: String) throws(SystemError) {
    guard let socket else { return }
    let bytes = Array(text.utf8)
    try systemCall("send", "$NOTIFY_SOCKET") { dhow_datagram_send(socket, bytes, bytes.count) }
  }
}
