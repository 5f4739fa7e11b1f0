/// `type=ssh`: the socket of an ssh agent.
package struct SSHMount: Equatable, Sendable {
  package var id = "default"
  /// `/run/buildkit/ssh_agent.N` when nil, N counting such mounts of the instruction.
  package var target: String?
  package var required = false
  /// 0600, of root, when nil.
  package var mode: UInt32?
  package var uid: UInt32?
  package var gid: UInt32?
}

extension SSHMount {
  init(_ options: MountOptions) throws(BuildDiagnostic) {
    try options.allow("id", "target", "required", "mode", "uid", "gid", "readonly", "readwrite")
    self.init(
      id: options.text("id") ?? "default", target: options.text("target"),
      required: try options.bool("required") ?? false, mode: try options.mode(), uid: try options.number("uid"),
      gid: try options.number("gid"))
  }
}
