package import Basics

private let pending = EngineError(.unsupported, "working", "this verb is being written")

extension Engine {
  package func execInContainer(_ name: String, _ request: ExecRequest) throws(EngineError) -> RunOutcome {
    throw pending
  }
}
