internal import Basics

/// One verb: its words for people, its flags, and what it does with them. A conforming type is a namespace; nothing of
/// it is built before the verb is chosen.
package protocol Command {
  associatedtype Options: CommandOptions
  static var words: CommandWords { get }
  static var flags: [Flag<Options>] { get }
  /// Flags that are known and refused, looked at only when a word is none of `flags`.
  static var refusedFlags: [Flag<Options>] { get }
  /// The status of a plain failure: 1, and 125 for `run` and `create`.
  static var failureCode: ExitCode { get }
  /// Whether the options alone say what the command is about, so that it may have no operand.
  static func needsNoOperands(_ options: Options) -> Bool
  /// Does the work and prints the result on `invocation.output`.
  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode
}

/// A command's options before the first flag is read.
package protocol CommandOptions: SendableMetatype {
  init()
}

/// Options of a command without flags.
package struct NoOptions: CommandOptions {
  package init() {}
}

extension Command {
  package static var failureCode: ExitCode { .failure }
  package static var refusedFlags: [Flag<Options>] { [] }
  package static func needsNoOperands(_ options: Options) -> Bool { false }
}

extension Command where Options == NoOptions {
  package static var flags: [Flag<NoOptions>] { [] }
}

/// A command as help, man page and errors speak of it.
package struct CommandWords: Sendable {
  /// What follows the command's name, such as `[OPTIONS] CONTAINER [CONTAINER...]`.
  package var usage: String
  /// One sentence without a full stop.
  package var summary: String
  package var operands: OperandCount
  /// False when flags end at the first operand (`run`, `create`, `exec`, `unshare`).
  package var interspersed = true
  /// What the shell completes operands with.
  package var completion = Completion.none

  package init(
    _ usage: String, _ summary: String, _ operands: OperandCount, interspersed: Bool = true,
    completion: Completion = .none
  ) {
    self.usage = usage
    self.summary = summary
    self.operands = operands
    self.interspersed = interspersed
    self.completion = completion
  }
}

/// How many operands a command takes.
package enum OperandCount: Equatable, Sendable {
  case none
  case exactly(Int)
  case atLeast(Int)
  case atMost(Int)
  case between(Int, Int)

  /// docker's complaint about `count` operands, nil when the number fits.
  func complaint(_ count: Int) -> String? {
    switch self {
    case .none: count == 0 ? nil : "accepts no arguments"
    case .exactly(let n): count == n ? nil : "requires \(n) argument\(n == 1 ? "" : "s")"
    case .atLeast(let n): count >= n ? nil : "requires at least \(n) argument\(n == 1 ? "" : "s")"
    case .atMost(let n): count <= n ? nil : "requires at most \(n) argument\(n == 1 ? "" : "s")"
    case .between(let low, let high):
      (low...high).contains(count) ? nil : "requires at least \(low) and at most \(high) arguments"
    }
  }
}

/// One call of the program: who it answers as, what was said before the verb, where output goes.
package struct Invocation {
  package var program: ProgramName
  /// The words of the command as typed, such as `["container", "ls"]`.
  package var path: [String]
  package var globals: GlobalOptions
  package var output: Output
  package var errors: Output
  /// Everything after the command's own words, as typed.
  package var words: [String] = []

  package init(program: ProgramName, path: [String], globals: GlobalOptions, output: Output, errors: Output) {
    self.program = program
    self.path = path
    self.globals = globals
    self.output = output
    self.errors = errors
  }

  /// The command as typed, with the program's name: `dhow container ls`.
  package var commandLine: String { ([program.rawValue] + path).joined(separator: " ") }

  /// Shows a failure of one of several targets and goes on: `dhow: removing web: …`.
  package func report(_ error: any Error) {
    errors.write(ErrorRenderer(program: program, asJSON: globals.errorsAsJSON).text(of: error))
  }

  /// A line on stderr that begins with `WARNING: `.
  package func warn(_ sentence: String) {
    errors.write("WARNING: \(safeText(sentence))\n")
  }
}

/// The name the program was called by; as `docker` or `podman` it answers as that one.
package enum ProgramName: String, Sendable {
  case dhow, docker, podman

  /// Chosen by the last component of argv[0].
  package init(argumentZero: String) {
    let base = argumentZero.split(separator: "/").last.map(String.init) ?? ""
    self = ProgramName(rawValue: base) ?? .dhow
  }

  /// How `--version` begins.
  var versionTitle: String { self == .docker ? "Docker" : rawValue }
}
