internal import Basics

/// The status the program ends with. One table: 0, the container program's own, 1 for a verb that failed, 125 for the
/// engine, 126 and 127 for a program that cannot be executed or is not there, 128+n for a signal.
package struct ExitCode: Equatable, Sendable {
  package var value: Int32

  package init(_ value: Int32) { self.value = value }

  package static let success = ExitCode(0)
  /// A verb other than `run`, `create` and `exec` failed.
  package static let failure = ExitCode(1)
  package static let unreadableTemplate = ExitCode(64)
  package static let engine = ExitCode(125)
  package static let notExecutable = ExitCode(126)
  package static let notFound = ExitCode(127)

  /// The status for an error by its kind alone. `otherwise` is what a plain failure of the verb means: 125 for `run` and
  /// `create`, 1 for the rest.
  package init(of error: any Error, otherwise: ExitCode = .failure) {
    switch error {
    case let error as EngineError: self = Self.code(of: error.kind, otherwise)
    case is ArgumentError: self = .engine
    case is BrokenPipe: self = .success
    case is UnreadableTemplate: self = .unreadableTemplate
    default: self = otherwise
    }
  }

  private static func code(of kind: EngineError.Kind, _ otherwise: ExitCode) -> ExitCode {
    switch kind {
    case .commandNotFound: .notFound
    case .commandNotExecutable: .notExecutable
    case .usage, .unsupported, .internal: .engine
    default: otherwise
    }
  }

  /// The worse of two, for commands with several targets.
  package mutating func worsen(to other: ExitCode) {
    if value == 0 || other.value > value { self = other.value == 0 ? self : other }
  }
}
