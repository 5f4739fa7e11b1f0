package import Basics
internal import Glibc
package import LinuxKernel

/// Where the state is: the root directory, which lasts, and the runtime directory, which ends with the boot.
package struct StateLocation: Equatable, Sendable {
  /// Absolute, without trailing slash.
  package var root: String
  package var runRoot: String

  package init(root: String, runRoot: String) {
    self.root = root
    self.runRoot = runRoot
  }

  /// The directories of an account, moved by `--root` and `--runroot`.
  ///
  /// Root has /var/lib/dhow and /run/dhow whatever its environment says: sudo keeps the user's HOME. XDG variables that
  /// are not absolute are ignored (XDG base directory specification 0.8), and a runtime directory that is not ours
  /// (left by su(1)) is no runtime directory. A moved root gets a runtime directory of its own, so that two stores never
  /// meet.
  package static func resolve(
    root: String?, runRoot: String?, account: Account
  ) throws(EngineError) -> StateLocation {
    let usual = account.uid == 0 ? "/var/lib/dhow" : dataHome(account).map { $0 + "/dhow" }
    guard let chosen = try root.map({ (path) throws(EngineError) in try absolute(path) }) ?? usual else {
      throw EngineError(
        .invalidInput, "finding the state directory", "this account has no home directory",
        hint: "name a directory with --root")
    }
    if let runRoot { return StateLocation(root: chosen, runRoot: try absolute(runRoot)) }
    let base = account.uid == 0 ? "/run/dhow" : runtimeHome(account)
    return StateLocation(root: chosen, runRoot: chosen == usual ? base : "\(base)/\(label(of: chosen))")
  }

  private static func dataHome(_ account: Account) -> String? {
    if let path = absoluteVariable("XDG_DATA_HOME") { return path }
    guard let home = absoluteVariable("HOME") ?? account.home, home.hasPrefix("/") else { return nil }
    return trimmed(home) + "/.local/share"
  }

  private static func runtimeHome(_ account: Account) -> String {
    for path in [absoluteVariable("XDG_RUNTIME_DIR"), "/run/user/\(account.uid)"] {
      guard let path else { continue }
      // A directory that cannot be looked at is none that we can use; the next is tried.
      if let status = try? File.status(path, followLink: true), status.kind == .directory, status.uid == account.uid {
        return path + "/dhow"
      }
    }
    return "/tmp/dhow-\(account.uid)"
  }

  private static func absoluteVariable(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.hasPrefix("/") ? trimmed(text) : nil
  }

  private static func absolute(_ path: String) throws(EngineError) -> String {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw EngineError(.invalidInput, "finding the state directory", "an empty path")
    }
    if path.hasPrefix("/") { return trimmed(path) }
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    guard getcwd(&buffer, buffer.count) != nil else {
      throw SystemError("getcwd").engineError("finding the state directory")
    }
    return trimmed(String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self) + "/" + path)
  }

  /// Without empty and `.` components; `..` stays and is refused when the directory is opened.
  private static func trimmed(_ path: String) -> String {
    "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
  }

  /// A short stable name of a path (64-bit FNV-1a).
  private static func label(of path: String) -> String {
    let hash = path.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return "r" + String(hash, radix: 36)
  }
}
