package import Basics

/// How `stop` found the container.
package enum StopOutcome: Equatable, Sendable { case stopped, wasNotRunning }

private let pending = EngineError(.unsupported, "working", "this verb is being written")

extension Engine {
  package func createContainer(_ request: ContainerRequest) throws(EngineError) -> CreatedContainer { throw pending }

  /// - Parameters:
  ///   - attach: nil with `-d`.
  ///   - warn: called with each warning before the program starts.
  package func runContainer(
    _ request: ContainerRequest, attach: AttachRequest?, warn: (String) -> Void
  ) throws(EngineError) -> RunOutcome { throw pending }

  /// A running container stays as it is.
  package func startContainer(_ name: String, attach: AttachRequest?) throws(EngineError) -> RunOutcome { throw pending }

  /// - Parameter timeout: seconds until SIGKILL, -1 never; nil is the container's own, or 10.
  package func stopContainer(
    _ name: String, timeout: Int64?, signal: String?
  ) throws(EngineError) -> StopOutcome { throw pending }

  package func restartContainer(_ name: String, timeout: Int64?, signal: String?) throws(EngineError) { throw pending }

  package func killContainer(_ name: String, signal: String) throws(EngineError) { throw pending }

  package func removeContainer(_ name: String, force: Bool, volumes: Bool) throws(EngineError) { throw pending }

  package func renameContainer(_ name: String, to newName: String) throws(EngineError) { throw pending }

  /// Waits until the container does not run and answers its exit code.
  package func waitForContainer(_ name: String) throws(EngineError) -> Int32 { throw pending }

  package func execInContainer(_ name: String, _ request: ExecRequest) throws(EngineError) -> RunOutcome {
    throw pending
  }

  package func attachToContainer(_ name: String, _ request: AttachRequest) throws(EngineError) -> RunOutcome {
    throw pending
  }

  package func containerExists(_ name: String) throws(EngineError) -> Bool { throw pending }

  /// docker's `inspect` of one container (Engine API 1.50, with the older members the founding documents show).
  package func inspectContainer(_ name: String, size: Bool) throws(EngineError) -> JSON { throw pending }

  /// Changes of the container's file system: `A`, `C` or `D` and the path, in docker's order.
  package func diffContainer(_ name: String) throws(EngineError) -> [(kind: Character, path: String)] { throw pending }
}
