internal import CLinux
internal import Glibc

/// A process that cannot be mistaken for another: its pid counts only with its start time and the boot it belongs to
/// (podman#25104: a reused pid was killed).
package struct ProcessIdentity: Equatable, Sendable {
  package var pid: Int32
  /// Clock ticks after boot, field 22 of /proc/PID/stat (proc(5)).
  package var startTime: UInt64

  package init(pid: Int32, startTime: UInt64) {
    self.pid = pid
    self.startTime = startTime
  }

  /// The identity of a living (or not yet reaped) process, nil when there is none.
  package init?(of pid: Int32) {
    guard let fields = processStatFields(pid), fields.count > 19, let start = UInt64(fields[19]) else { return nil }
    self.init(pid: pid, startTime: start)
  }

  /// This process.
  package static var current: ProcessIdentity? { ProcessIdentity(of: getpid()) }

  /// Whether this very process still exists and is no zombie.
  package var isAlive: Bool {
    guard let fields = processStatFields(pid), fields.count > 19 else { return false }
    return UInt64(fields[19]) == startTime && fields[0] != "Z" && fields[0] != "X"
  }

  /// A descriptor of this very process, nil when it is gone (pidfd_open(2), kernel 5.3).
  package func open() throws(SystemError) -> OwnedDescriptor? {
    let raw = dhow_pidfd_open(pid)
    if raw < 0 {
      let code = errno
      if code == ESRCH || code == EINVAL { return nil }
      throw SystemError("pidfd_open", "process \(pid)", errno: code)
    }
    let descriptor = OwnedDescriptor(owning: raw)
    // The pid may have been reused before pidfd_open; with the descriptor in hand the start time decides for good.
    guard ProcessIdentity(of: pid) == self else { return nil }
    return descriptor
  }

  /// Sends a signal to this very process; false when it is gone.
  package func signal(_ number: Int32) throws(SystemError) -> Bool {
    guard let descriptor = try open() else { return false }
    if dhow_pidfd_send_signal(descriptor.raw, number) == 0 { return true }
    let code = errno
    if code == ESRCH { return false }
    throw SystemError("kill", "process \(pid)", errno: code)
  }
}

extension ProcessIdentity {
  /// Whether a signal does nothing to this process: it ignores it, or is the first of its pid namespace, to which the
  /// kernel delivers only what it has a handler for (pid_namespaces(7)). False when that cannot be told.
  package func ignores(_ signal: Int32) -> Bool {
    // A process that has just gone heeds nothing, and needs no words.
    guard (1...64).contains(signal), let bytes = try? File.readAll("/proc/\(pid)/status", limit: 65_536), isAlive else {
      return false
    }
    func field(_ name: String) -> Substring {
      for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix(name + ":") {
        return line.dropFirst(name.utf8.count + 1).drop { $0 == " " || $0 == "\t" }
      }
      return ""
    }
    func has(_ name: String) -> Bool { (UInt64(field(name), radix: 16) ?? 0) >> UInt64(signal - 1) & 1 == 1 }
    if has("SigCgt") || has("SigBlk") { return false }
    return has("SigIgn") || field("NSpid").split(separator: "\t").last == "1"
  }
}

/// The fields of /proc/PID/stat after the command name, which may hold spaces and parentheses: [0] is the state.
private func processStatFields(_ pid: Int32) -> [Substring]? {
  // Absence of the process is the expected failure; there is nothing else to tell.
  guard let bytes = try? File.readAll("/proc/\(pid)/stat", limit: 4096) else { return nil }
  guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
  return String(decoding: bytes[(end + 1)...], as: UTF8.self).split(separator: " ")
}

/// The id of this boot of the machine, /proc/sys/kernel/random/boot_id (random(4)): state of another boot is void.
package enum BootID {
  package static func current() throws(SystemError) -> String {
    let bytes = try File.readAll("/proc/sys/kernel/random/boot_id", limit: 128)
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }
}
