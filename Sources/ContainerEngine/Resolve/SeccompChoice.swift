internal import Basics
internal import Runtime

/// The system call filter of a container, compiled.
struct SeccompChoice {
  let engine: Engine
  let doing: String

  /// - Parameter capabilities: the container's bounding set, on which parts of a profile depend.
  func program(
    _ choice: SecurityOptions.Seccomp, bounding capabilities: [String]
  ) throws(EngineError) -> SeccompProgram? {
    switch choice {
    case .builtin: return DefaultSeccompProfile.program(bounding: capabilities)
    case .unconfined: return nil
    case .file(let path):
      throw EngineError(.unsupported, doing, "seccomp profile \(safeText(path)): files are not read yet")
    }
  }
}
