package import Basics
import LinuxKernel
import OCI

/// Runs `body` and puts what the layers below throw into the context of what was being done. An `EngineError` passes
/// as it is: it has a context already.
package func during<Value: ~Copyable>(
  _ doing: @autoclosure () -> String, _ body: () throws -> Value
) throws(EngineError) -> Value {
  do { return try body() } catch { throw engineError(error, doing()) }
}

private func engineError(_ error: any Error, _ doing: String) -> EngineError {
  switch error {
  case let error as EngineError: error
  case let error as SystemError: error.engineError(doing)
  case let error as OCIFormatError: error.engineError(doing: doing)
  case let error as JSONShapeError: EngineError(.corrupt, doing, "\(error.path) \(error.reason)")
  case let error as JSONSyntaxError: EngineError(.corrupt, doing, "no JSON: \(error.reason) at byte \(error.offset)")
  case let error as any ExplainedError: error.engineError(doing)
  default: EngineError(.internal, doing, "\(error)")
  }
}
