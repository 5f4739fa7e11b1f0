internal import Basics

/// Values that move a container's walls.
enum SecuritySyntax {
  /// A profile of seccomp is a small document.
  private static let profileLimit = 4 << 20
  private static let sysctlsOfIPC: Set<String> = [
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
    "kernel.shm_rmid_forced",
  ]

  /// `NET_ADMIN`, `CAP_NET_ADMIN` or `ALL`, without its prefix; an unknown name is an error (SECURITY A10).
  static func capability(_ text: String) throws(FlagValueError) -> String {
    guard let name = CapabilityName.normalized(text) else {
      throw FlagValueError(
        "unknown capability: \(goQuoted(text))",
        hint: nearest(to: text.uppercased().replacing("CAP_", with: ""), among: CapabilityName.short).map {
          "did you mean \($0)?"
        })
    }
    return name
  }

  /// `NAME=VALUE` of a setting that belongs to one of the container's own namespaces.
  static func sysctl(_ text: String) throws(FlagValueError) -> (String, String) {
    let name = String(text.prefix { $0 != "=" }).replacing("/", with: ".")
    guard isSysctlOfContainer(name), name.utf8.count + 1 < text.utf8.count, !name.contains("..") else {
      throw FlagValueError("sysctl '\(text)' is not allowed")
    }
    return (name, String(text.dropFirst(name.count + 1)))
  }

  private static func isSysctlOfContainer(_ name: String) -> Bool {
    sysctlsOfIPC.contains(name) || (name.hasPrefix("net.") && name.count > 4)
      || (name.hasPrefix("fs.mqueue.") && name.count > 10)
  }

  /// One `--security-opt`, in the form with `=`; a seccomp profile's path is made absolute and the file looked at.
  static func securityOption(_ text: String) throws -> String {
    // docker's old separator is still understood.
    let separator = text.firstIndex { $0 == "=" || $0 == ":" }
    let key = String(text[..<(separator ?? text.endIndex)])
    let value = separator.map { String(text[text.index(after: $0)...]) }
    switch (key, value) {
    case ("no-new-privileges", nil), ("no-new-privileges", "true"?): return "no-new-privileges"
    case ("no-new-privileges", "false"?): return "no-new-privileges=false"
    case ("systempaths", "unconfined"?): return "systempaths=unconfined"
    case ("seccomp", "unconfined"?), ("seccomp", "builtin"?): return text.replacing(":", with: "=")
    case ("seccomp", let path?) where !path.isEmpty: return "seccomp=" + (try seccompProfile(path))
    case ("mask", let paths?), ("unmask", let paths?):
      guard paths.uppercased() == "ALL" || paths.split(separator: ":").allSatisfy({ $0.hasPrefix("/") }), !paths.isEmpty
      else { throw FlagValueError("Invalid --security-opt: \(goQuoted(text))") }
      return "\(key)=\(paths)"
    case ("apparmor", let value?), ("label", let value?):
      guard !value.isEmpty else { throw FlagValueError("Invalid --security-opt: \(goQuoted(text))") }
      return "\(key)=\(value)"
    default: throw EngineError(.usage, "", "Invalid --security-opt: \(goQuoted(text))")
    }
  }

  private static func seccompProfile(_ path: String) throws -> String {
    let absolute = try LocalFile.absolute(path)
    let bytes = try LocalFile.read(path, limit: profileLimit, doing: "opening seccomp profile (\(path))")
    do {
      _ = try JSON(parsing: bytes)
    } catch {
      throw EngineError(.invalidInput, "reading seccomp profile (\(path))", "\(error.reason) at byte \(error.offset)")
    }
    return absolute
  }

  /// `--userns`: "" (also podman's `private`), `host`, `keep-id[:uid=U,gid=G]`.
  static func userNamespace(_ text: String) throws -> String {
    switch text {
    case "", "private": return ""
    case "host", "keep-id": return text
    case "auto", "nomap":
      throw EngineError(.unsupported, "--userns \(text)", "this map is not in this version yet", hint: "use keep-id")
    case _ where text.hasPrefix("keep-id:"):
      for field in text.dropFirst("keep-id:".count).split(separator: ",", omittingEmptySubsequences: false) {
        let parts = field.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, parts[0] == "uid" || parts[0] == "gid", let id = UInt32(parts[1]),
          id < UInt32(Int32.max)
        else { throw FlagValueError("--userns: keep-id takes uid=NUMBER and gid=NUMBER, not '\(field)'") }
      }
      return text
    default: throw EngineError(.usage, "", "--userns: invalid USER mode")
    }
  }

  /// A namespace mode among `words`, or `container:NAME` when it may be joined; podman's `private` is "".
  static func namespace(
    _ text: String, among words: [String], joinable: Bool, complaint: String
  ) throws -> String {
    if text.isEmpty || (text == "private" && !words.contains("private")) { return "" }
    if words.contains(text) { return text }
    if joinable, text.hasPrefix("container:"), text.count > "container:".count { return text }
    throw EngineError(.usage, "", complaint)
  }
}
