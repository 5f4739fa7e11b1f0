package import Basics

/// `--security-opt` of docker and podman, taken apart.
package struct SecurityOptions: Equatable, Sendable {
  package enum Seccomp: Equatable, Sendable {
    /// The built-in profile.
    case builtin
    case unconfined
    /// A profile file of the host.
    case file(String)
  }

  package var seccomp = Seccomp.builtin
  package var noNewPrivileges = false
  /// `systempaths=unconfined`: nothing is masked or read-only.
  package var unconfinedPaths = false
  /// Further paths to mask.
  package var masks: [String] = []
  /// Paths not to mask or make read-only; `*` at the end matches the rest.
  package var unmasks: [String] = []
  package var apparmor: String?
  package var labels: [String] = []

  package init() {}

  /// - Throws: `EngineError` that quotes the option it does not know.
  package init(_ options: [String], doing: String) throws(EngineError) {
    for option in options {
      let separator = option.firstIndex { $0 == "=" || $0 == ":" }
      let name = separator.map { String(option[..<$0]) } ?? option
      let value = separator.map { String(option[option.index(after: $0)...]) }
      switch (name, value) {
      case ("no-new-privileges", nil), ("no-new-privileges", "true"?): noNewPrivileges = true
      case ("no-new-privileges", "false"?): noNewPrivileges = false
      case ("seccomp", "unconfined"?): seccomp = .unconfined
      case ("seccomp", "builtin"?), ("seccomp", "default"?): seccomp = .builtin
      case ("seccomp", let path?) where !path.isEmpty: seccomp = .file(path)
      case ("systempaths", "unconfined"?): unconfinedPaths = true
      case ("mask", let paths?): masks += try Self.paths(paths, option, doing: doing)
      case ("unmask", let paths?) where paths.uppercased() == "ALL": unconfinedPaths = true
      case ("unmask", let paths?): unmasks += try Self.paths(paths, option, doing: doing)
      case ("apparmor", let profile?) where !profile.isEmpty: apparmor = profile
      case ("label", let label?) where !label.isEmpty: labels.append(label)
      default:
        throw EngineError(
          .invalidInput, doing, "invalid --security-opt \"\(safeText(option))\"",
          hint: "known are seccomp=, no-new-privileges, systempaths=unconfined, mask=, unmask=, apparmor= and label=")
      }
    }
  }

  private static func paths(_ list: String, _ option: String, doing: String) throws(EngineError) -> [String] {
    let paths = list.split(separator: ":").map(String.init)
    guard !paths.isEmpty, paths.allSatisfy({ $0.hasPrefix("/") }) else {
      throw EngineError(.invalidInput, doing, "--security-opt \"\(safeText(option))\" needs absolute paths")
    }
    return paths
  }

  /// The paths that stay protected.
  func remaining(_ paths: [String]) -> [String] {
    paths.filter { path in
      !unmasks.contains { pattern in
        pattern.hasSuffix("*") ? path.hasPrefix(pattern.dropLast()) : pattern == path
      }
    }
  }
}
