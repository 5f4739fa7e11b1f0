internal import Basics

/// Names of members whose value is a map of names people choose. Go gives the empty value for an absent key of a map
/// and refuses an absent field of a struct; JSON alone does not tell the two apart.
private let mapMembers: Set<String> = [
  "Annotations", "Attributes", "Config", "Data", "DriverOpts", "ExposedPorts", "Labels", "Networks", "Options",
  "OptionsMap", "PortBindings", "Ports", "Storage", "StorageOpt", "Sysctls", "Tmpfs", "Volumes", "Details",
]

/// Members that are pointers in Go: null is `<nil>`, where a null list is `[]`.
private let pointerMembers: Set<String> = [
  "Health", "MemorySwappiness", "OomKillDisable", "PidsLimit", "Init", "StopTimeout",
]

/// A value on its way through a template.
struct TemplateValue {
  var json: JSON
  /// The name it was looked up by, nil for a value of another source.
  var member: String?
  /// Looked up and not there.
  var isAbsent = false

  init(_ json: JSON, member: String? = nil, isAbsent: Bool = false) {
    self.json = json
    self.member = member
    self.isAbsent = isAbsent
  }

  /// An absent key is `<no value>`, not an error.
  var isMap: Bool { member.map(mapMembers.contains) ?? false }
  var isPointer: Bool { member.map(pointerMembers.contains) ?? false }

  /// Go's truth: not zero, not empty.
  var isTrue: Bool {
    switch json {
    case .null: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .double(let value): value != 0
    case .string(let text): !text.isEmpty
    case .array(let elements): !elements.isEmpty
    case .object(let object): isMap ? !object.members.isEmpty : true
    }
  }
}

/// One rendering of a template.
struct TemplateEvaluation {
  private enum Leave { case breakLoop, continueLoop }

  let source: String
  private let root: JSON
  private let methods: ((String, [JSON]) -> JSON?)?
  private var variables: [(name: String, value: TemplateValue)]
  private var output = ""
  private var steps = 0

  init(source: String, root: JSON, methods: ((String, [JSON]) -> JSON?)?) {
    self.source = source
    self.root = root
    self.methods = methods
    variables = [("$", TemplateValue(root))]
  }

  mutating func run(_ nodes: [TemplateNode]) throws -> String {
    _ = try walk(nodes, TemplateValue(root))
    return output
  }

  private mutating func walk(_ nodes: [TemplateNode], _ dot: TemplateValue) throws -> Leave? {
    let scope = variables.count
    defer { variables.removeLast(variables.count - scope) }
    for node in nodes {
      try count()
      switch node {
      case .text(let text): output += text
      case .output(let pipeline):
        let value = try evaluate(pipeline, dot)
        if pipeline.variables.isEmpty { output += goText(value) }
      case .condition(let pipeline, let then, let otherwise):
        if let leave = try branch(pipeline, then, otherwise, dot, rebinds: false) { return leave }
      case .with(let pipeline, let then, let otherwise):
        if let leave = try branch(pipeline, then, otherwise, dot, rebinds: true) { return leave }
      case .range(let pipeline, let body, let otherwise): try loop(pipeline, body, otherwise, dot)
      case .breakLoop: return .breakLoop
      case .continueLoop: return .continueLoop
      }
    }
    return nil
  }

  private mutating func branch(
    _ pipeline: TemplatePipeline, _ then: [TemplateNode], _ otherwise: [TemplateNode], _ dot: TemplateValue,
    rebinds: Bool
  ) throws -> Leave? {
    let scope = variables.count
    defer { variables.removeLast(variables.count - scope) }
    let value = try evaluate(pipeline, dot)
    return value.isTrue ? try walk(then, rebinds ? value : dot) : try walk(otherwise, dot)
  }

  private mutating func loop(
    _ pipeline: TemplatePipeline, _ body: [TemplateNode], _ otherwise: [TemplateNode], _ dot: TemplateValue
  ) throws {
    let scope = variables.count
    defer { variables.removeLast(variables.count - scope) }
    var plain = pipeline
    plain.variables = []
    let value = try evaluate(plain, dot)
    let items = try elements(of: value, pipeline)
    guard !items.isEmpty else {
      _ = try walk(otherwise, dot)
      return
    }
    for item in items {
      try count()
      let inner = variables.count
      switch pipeline.variables.count {
      case 1: variables.append((pipeline.variables[0], item.value))
      case 2:
        variables.append((pipeline.variables[0], TemplateValue(item.key)))
        variables.append((pipeline.variables[1], item.value))
      default: break
      }
      let leave = try walk(body, item.value)
      variables.removeLast(variables.count - inner)
      if leave == .breakLoop { break }
    }
  }

  /// What `range` goes over; members of an object in the order of their names, as Go does for maps.
  private func elements(
    of value: TemplateValue, _ pipeline: TemplatePipeline
  ) throws -> [(key: JSON, value: TemplateValue)] {
    switch value.json {
    case .null: return []
    case .array(let elements):
      return elements.enumerated().map { (.integer(Int64($0.offset)), TemplateValue($0.element)) }
    case .object(let object):
      return object.members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        .map { (.string($0.name), TemplateValue($0.value, member: $0.name)) }
    case .integer(let count) where count <= GoTemplate.Limits.steps:
      return (0..<max(0, count)).map { (.integer($0), TemplateValue(.integer($0))) }
    default:
      throw failure("range can't iterate over \(goText(value))", pipeline.commands[0].operands[0])
    }
  }

  private mutating func evaluate(_ pipeline: TemplatePipeline, _ dot: TemplateValue) throws -> TemplateValue {
    var value: TemplateValue?
    for command in pipeline.commands { value = try evaluate(command, dot, piped: value) }
    let result = value ?? TemplateValue(.null)
    for name in pipeline.variables {
      if pipeline.assigns {
        guard let index = variables.lastIndex(where: { $0.name == name }) else {
          throw failure("undefined variable \(goQuoted(name))", pipeline.commands[0].operands[0])
        }
        variables[index].value = result
      } else {
        variables.append((name, result))
      }
    }
    return result
  }

  private mutating func evaluate(
    _ command: TemplateCommand, _ dot: TemplateValue, piped: TemplateValue?
  ) throws -> TemplateValue {
    try count()
    let first = command.operands[0]
    if case .function(let name) = first.kind {
      return try call(name, command, dot, piped: piped)
    }
    var arguments: [JSON] = []
    for operand in command.operands.dropFirst() { arguments.append(try value(of: operand, dot).json) }
    if let piped { arguments.append(piped.json) }
    // `.Label "x"`: the only thing that takes arguments beside functions.
    if !arguments.isEmpty {
      guard let methods, case .dot = first.kind, let last = first.fields.last,
        let answer = methods(last.name, arguments)
      else { throw failure("can't give argument to non-function \(described(first))", first) }
      return TemplateValue(answer)
    }
    return try value(of: first, dot)
  }

  private mutating func call(
    _ name: String, _ command: TemplateCommand, _ dot: TemplateValue, piped: TemplateValue?
  ) throws -> TemplateValue {
    var arguments: [TemplateValue] = []
    for operand in command.operands.dropFirst() {
      let value = try value(of: operand, dot)
      // `and` and `or` stop at the argument that decides.
      if name == "and", !value.isTrue { return value }
      if name == "or", value.isTrue { return value }
      arguments.append(value)
    }
    if let piped { arguments.append(piped) }
    do {
      return try TemplateFunctions.call(name, arguments)
    } catch {
      throw TemplateError(
        "error calling \(name): \(error.reason)", at: command.operands[0].offset, in: source,
        executing: command.text(in: source))
    }
  }

  private mutating func value(of operand: TemplateOperand, _ dot: TemplateValue) throws -> TemplateValue {
    var value: TemplateValue
    switch operand.kind {
    case .dot: value = dot
    case .literal(let json): value = TemplateValue(json)
    case .pipeline(let pipeline): value = try evaluate(pipeline, dot)
    case .function(let name): value = try call(name, TemplateCommand(operands: [operand]), dot, piped: nil)
    case .variable(let name):
      guard let variable = variables.last(where: { $0.name == name }) else {
        throw failure("undefined variable \(goQuoted(name))", operand)
      }
      value = variable.value
    }
    for field in operand.fields { value = try member(field, of: value, operand) }
    return value
  }

  private func member(
    _ field: (name: String, offset: Int), of value: TemplateValue, _ operand: TemplateOperand
  ) throws -> TemplateValue {
    switch value.json {
    case .object(let object):
      if let found = object[field.name] { return TemplateValue(found, member: field.name) }
      if value.isMap { return TemplateValue(.null, isAbsent: true) }
      throw TemplateError(
        "map has no entry for key \(goQuoted(field.name))", at: field.offset, in: source, executing: described(operand))
    case .null where value.isAbsent || value.isMap: return TemplateValue(.null, isAbsent: true)
    case .null:
      throw TemplateError(
        "nil data; no entry for key \(goQuoted(field.name))", at: field.offset, in: source,
        executing: described(operand))
    default:
      throw TemplateError(
        "can't evaluate field \(field.name) in type interface {}", at: field.offset, in: source,
        executing: described(operand))
    }
  }

  private mutating func count() throws(TemplateError) {
    steps += 1
    guard steps <= GoTemplate.Limits.steps, output.utf8.count <= GoTemplate.Limits.outputBytes else {
      throw TemplateError("the template does too much work")
    }
  }

  private func failure(_ reason: String, _ operand: TemplateOperand) -> TemplateError {
    TemplateError(reason, at: operand.offset, in: source, executing: described(operand))
  }

  /// An operand as Go names it in errors.
  private func described(_ operand: TemplateOperand) -> String {
    let fields = operand.fields.map { "." + $0.name }.joined()
    switch operand.kind {
    case .dot: return fields.isEmpty ? "." : fields
    case .variable(let name): return name + fields
    case .function(let name): return name
    case .literal(let json): return goText(TemplateValue(json))
    case .pipeline: return "(…)" + fields
    }
  }
}
