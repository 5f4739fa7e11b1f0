/// The variables of one stage while its instructions are gone through in order: what the base brought, ENV and ARG.
/// The last one wins, as in BuildKit. A stage built from another stage begins with a copy of that one's scope.
package struct StageScope: Sendable {
  /// What the image's config gets: of the base, and ENV.
  package private(set) var environment: Variables
  /// ARGs declared so far in this stage or a stage it is built from, with their values, in order; nil: declared, not
  /// set.
  package private(set) var arguments: [(name: String, value: String?)] = []
  /// What expansion and RUN see.
  package private(set) var variables: Variables
  private let given: BuildArguments
  private let escape: Unicode.Scalar

  /// - Parameter environment: `NAME=value` of the base image's config.
  package init(environment: [String], arguments: BuildArguments, escape: Unicode.Scalar) {
    self.environment = Variables(entries: environment)
    variables = self.environment
    given = arguments
    self.escape = escape
  }

  /// One instruction with its variables in, and which names it looked up.
  package struct Expanded: Sendable {
    package var instruction: Instruction
    /// Names that had a value, for the step's key.
    package var used: [String]
    /// Names that had none: an empty text stands for them.
    package var undefined: [String]
  }

  /// Puts the variables into an instruction; ENV and ARG then take effect.
  package mutating func expand(_ node: InstructionNode) throws(BuildDiagnostic) -> Expanded {
    do throws(BuildDiagnostic) {
      if case .arg(let instruction) = node.instruction { return try declare(instruction) }
      var expansion = Expansion(variables, escape: escape)
      var payload = node.instruction.payload
      try payload.expand(&expansion)
      if let env = payload as? EnvInstruction { set(env) }
      let declared = Set(arguments.map(\.name))
      return Expanded(
        instruction: payload.instruction, used: expansion.used,
        undefined: expansion.undefined.filter { !declared.contains($0) })
    } catch { throw error.located(at: node.range) }
  }

  private mutating func set(_ env: EnvInstruction) {
    for assignment in env.assignments {
      environment[assignment.key] = assignment.value
      variables[assignment.key] = assignment.value
    }
  }

  /// The value is what was given, or the default, or that of the global ARG of the name; each argument of the
  /// instruction sees those before it.
  private mutating func declare(_ instruction: ArgInstruction) throws(BuildDiagnostic) -> Expanded {
    var result = instruction
    var used: [String] = []
    var undefined: [String] = []
    for index in result.arguments.indices {
      let argument = result.arguments[index]
      var value = given.given[argument.name]
      if value == nil, argument.value == nil {
        value = given.globals[argument.name]
      } else if value == nil {
        var expansion = Expansion(variables, escape: escape)
        value = try expansion.word(argument.value)
        used += expansion.used
        let declared = Set(arguments.map(\.name))
        undefined += expansion.undefined.filter { !declared.contains($0) }
      }
      result.arguments[index].value = value
      if let value { variables[argument.name] = value }
      if let known = arguments.firstIndex(where: { $0.name == argument.name }) {
        arguments[known].value = value
      } else {
        arguments.append((name: argument.name, value: value))
      }
    }
    return Expanded(instruction: .arg(result), used: used, undefined: undefined)
  }

  /// `NAME=value` of everything RUN gets from here; proxies and the base's are the caller's to add and to order.
  package var runEnvironment: [String] { variables.entries }

  /// The ARGs declared so far as the history of a RUN lists them (`|2 a=1 b= /bin/sh -c …`), each with what RUN sees.
  package var argumentEntries: [String] { arguments.map { "\($0.name)=\(variables[$0.name] ?? $0.value ?? "")" } }
}
