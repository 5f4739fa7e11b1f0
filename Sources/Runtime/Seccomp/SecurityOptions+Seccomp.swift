package import Basics
package import OCI

extension SecurityOptions.Seccomp {
  /// The filter for a container with these capabilities in its bounding set; nil when it is unconfined. About 20 µs for
  /// the built-in profile, a millisecond for a file of that size.
  package func program(bounding capabilities: [String], doing: String) throws(EngineError) -> SeccompProgram? {
    switch self {
    case .builtin: DefaultSeccompProfile.program(bounding: capabilities)
    case .unconfined: nil
    case .file(let path):
      try SeccompCompiler.compile(
        try SeccompProfile(file: path, doing: doing).specification(bounding: capabilities), doing: doing)
    }
  }

  /// The same as part of an OCI runtime spec, for another runtime and for config.json.
  package func specification(
    bounding capabilities: [String], doing: String
  ) throws(EngineError) -> RuntimeSpec.Seccomp? {
    switch self {
    case .builtin: DefaultSeccompProfile.specification(bounding: capabilities)
    case .unconfined: nil
    case .file(let path): try SeccompProfile(file: path, doing: doing).specification(bounding: capabilities)
    }
  }
}
