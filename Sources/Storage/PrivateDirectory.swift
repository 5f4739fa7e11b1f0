import Basics
internal import Glibc
import LinuxKernel

/// Opens the directories that hold our state and refuses those that somebody else could change under us (SECURITY E6):
/// each directory on the way belongs to root or to us and lets nobody else rename what is in it, and the last is ours
/// alone, mode 0700.
enum PrivateDirectory {
  /// Opens `path`, making what is missing when `create`; nil when it is missing and not to be made.
  static func open(_ path: String, create: Bool) throws(EngineError) -> OwnedDescriptor? {
    try during("opening the state directory \(safeText(path))") {
      var resolved = path
      // A link on the way that only root or we can change is followed by hand; 40 is the kernel's own limit.
      for _ in 0..<40 {
        switch try walk(resolved, create: create) {
        case .fine: return try File.openDirectory(resolved, shown: path)
        case .missing: return nil
        case .link(let target): resolved = target
        case .refused(let place, let reason, let hint):
          throw EngineError(.denied, "opening the state directory \(safeText(path))", "\(place) \(reason)", hint: hint)
        }
      }
      throw SystemError("open", path, errno: ELOOP)
    }
  }

  private enum Way {
    case fine, missing
    /// The path with a link in it replaced by its target.
    case link(String)
    case refused(String, reason: String, hint: String?)
  }

  private static func walk(_ path: String, create: Bool) throws -> Way {
    let components = path.split(separator: "/")
    guard path.hasPrefix("/"), !components.isEmpty, !components.contains("..") else {
      return .refused(path, reason: "is not a plain absolute path", hint: nil)
    }
    let me = geteuid()
    var place = ""
    for (index, component) in components.enumerated() {
      let parent = place
      place += "/" + component
      let isLast = index == components.count - 1
      guard let status = try status(place, create: create) else { return .missing }
      guard status.uid == me || (!isLast || status.kind == .symlink) && isRoot(status.uid) else {
        return .refused(place, reason: "belongs to uid \(status.uid), not to uid \(me)", hint: otherOwnerHint(me))
      }
      switch status.kind {
      case .symlink:
        let target = try File.readLink(place)
        let rest = components[(index + 1)...].joined(separator: "/")
        return .link(target.hasPrefix("/") ? "\(target)/\(rest)" : "\(parent)/\(target)/\(rest)")
      case .directory:
        if let refusal = isLast ? checkOwn(place, status) : checkParent(place, status) { return refusal }
      default:
        return .refused(place, reason: "is not a directory", hint: nil)
      }
    }
    return .fine
  }

  private static func checkOwn(_ place: String, _ status: FileStatus) -> Way? {
    guard status.mode & 0o077 != 0 else { return nil }
    return .refused(
      place, reason: "has mode \(String(status.mode, radix: 8)): other users could reach what is in it",
      hint: "chmod 700 \(safeText(place))")
  }

  /// A directory on the way may be writable by others only when it is sticky, as /tmp is. A group may write where root
  /// allows it, and where it is our own, which is the user's private one on Debian (umask 002).
  private static func checkParent(_ place: String, _ status: FileStatus) -> Way? {
    if status.mode & 0o1000 != 0 { return nil }
    let groupIsSafe = status.mode & 0o020 == 0 || isRoot(status.uid) || status.gid == getegid()
    guard status.mode & 0o002 != 0 || !groupIsSafe else { return nil }
    return .refused(
      place, reason: "has mode \(String(status.mode, radix: 8)): other users could replace what is in it",
      hint: "choose another directory with --root and --runroot")
  }

  /// Root of the host, who is the overflow uid as seen from inside a user namespace that does not map it.
  private static func isRoot(_ uid: UInt32) -> Bool {
    if uid == 0 { return true }
    guard uid == 65534 else { return false }
    // Not to be able to read the own map is not to know; then the owner counts as a stranger.
    guard let map = try? File.readAll("/proc/self/uid_map", limit: 1 << 16) else { return false }
    let words = String(decoding: map, as: UTF8.self).split { $0 == " " || $0 == "\n" }
    return words != ["0", "0", "4294967295"]
  }

  private static func otherOwnerHint(_ me: UInt32) -> String? {
    me == 0
      ? "run dhow as the user who owns it: root writes in no user's store"
      : "choose another directory with --root and --runroot"
  }

  /// Status of the place, made first when it is missing and `create`.
  private static func status(_ place: String, create: Bool) throws -> FileStatus? {
    do throws(SystemError) { return try File.status(place) } catch {
      guard error.errno == ENOENT else { throw error }
      guard create else { return nil }
    }
    // The XDG specification gives missing directories of its tree mode 0700, too. An umask may have taken bits.
    if try File.ensureDirectory(place, mode: 0o700) { chmod(place, 0o700) }
    return try File.status(place)
  }
}
