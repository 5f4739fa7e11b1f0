/// `type=secret`: a file or variable that no layer gets.
package struct SecretMount: Equatable, Sendable {
  package var id: String
  /// Nil when the secret is only a variable.
  package var target: String?
  /// The variable's name.
  package var environment: String?
  package var required = false
  /// 0400, of root, when nil.
  package var mode: UInt32?
  package var uid: UInt32?
  package var gid: UInt32?
}

extension SecretMount {
  init(_ options: MountOptions) throws(BuildDiagnostic) {
    try options.allow("id", "source", "target", "required", "mode", "uid", "gid", "env", "readonly", "readwrite")
    guard options.text("source") == nil || options.text("id") == nil else {
      throw BuildDiagnostic("both source and id can't be set", word: "source")
    }
    let written = options.text("target")
    guard let id = options.text("id") ?? options.text("source") ?? written.map(Self.lastName), !id.isEmpty else {
      throw BuildDiagnostic("invalid secret mount. one of source, target required", word: "--mount")
    }
    // `env=` alone names the variable as the secret.
    let environment = options.has("env") ? options.text("env") ?? id : nil
    let target = environment != nil && written == nil ? nil : written ?? "/run/secrets/" + Self.lastName(id)
    self.init(
      id: id, target: target, environment: environment, required: try options.bool("required") ?? false,
      mode: try options.mode(), uid: try options.number("uid"), gid: try options.number("gid"))
  }

  private static func lastName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "" }
}
