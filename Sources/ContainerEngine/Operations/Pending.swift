package import Basics

private let pending = EngineError(.unsupported, "working", "this verb is being written")

extension Engine {
  package func execInContainer(_ name: String, _ request: ExecRequest) throws(EngineError) -> RunOutcome {
    throw pending
  }

  /// Changes of the container's file system: `A`, `C` or `D` and the path, in docker's order.
  package func diffContainer(_ name: String) throws(EngineError) -> [(kind: Character, path: String)] { throw pending }
}
