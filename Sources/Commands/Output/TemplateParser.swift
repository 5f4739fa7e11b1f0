internal import Basics

/// A template's parts after parsing.
indirect enum TemplateNode {
  case text(String)
  case output(TemplatePipeline)
  case condition(TemplatePipeline, then: [TemplateNode], otherwise: [TemplateNode])
  case with(TemplatePipeline, then: [TemplateNode], otherwise: [TemplateNode])
  case range(TemplatePipeline, body: [TemplateNode], otherwise: [TemplateNode])
  case breakLoop
  case continueLoop
}

/// `$a, $b := command | command`.
struct TemplatePipeline {
  var variables: [String] = []
  /// `=` sets a variable made before, `:=` makes one.
  var assigns = false
  var commands: [TemplateCommand] = []
}

/// A function or field with its arguments.
struct TemplateCommand {
  var operands: [TemplateOperand]
  /// Where it ends in the source, in bytes.
  var end = 0

  func text(in source: String) -> String {
    let bytes = Array(source.utf8)[min(operands[0].offset, end)..<end]
    return String(decoding: bytes.reversed().drop { $0 == 0x20 }.reversed(), as: UTF8.self)
  }
}

struct TemplateOperand {
  indirect enum Kind {
    case dot
    case variable(String)
    case function(String)
    case literal(JSON)
    case pipeline(TemplatePipeline)
  }
  var kind: Kind
  /// `.A.B` after the kind; a lone field begins at the dot.
  var fields: [(name: String, offset: Int)] = []
  var offset: Int
}

/// Builds the tree of a template (Go's text/template/parse/parse.go).
struct TemplateParser {
  private let tokens: [TemplateToken]
  private let source: String
  private var position = 0
  private var depth = 0
  private var loops = 0
  /// Names in scope.
  private var variables = ["$"]

  init(tokens: [TemplateToken], source: String) {
    self.tokens = tokens
    self.source = source
  }

  mutating func parse() throws(TemplateError) -> [TemplateNode] {
    let (nodes, end) = try list()
    guard end == nil else { throw failure("unexpected {{\(end ?? "")}}") }
    return nodes
  }

  /// Nodes up to `{{end}}`, `{{else …}}` or the end of the template; the word that ended them, nil at the end.
  /// After `else` the rest of that action is still to be read.
  private mutating func list() throws(TemplateError) -> ([TemplateNode], String?) {
    depth += 1
    defer { depth -= 1 }
    guard depth <= GoTemplate.Limits.nesting else {
      throw failure("actions are nested deeper than \(GoTemplate.Limits.nesting)")
    }
    var nodes: [TemplateNode] = []
    while position < tokens.count {
      let token = tokens[position]
      position += 1
      if case .text(let text) = token.kind {
        nodes.append(.text(text))
        continue
      }
      guard case .identifier(let word) = peek else {
        nodes.append(.output(try pipelineToClose()))
        continue
      }
      switch word {
      case "end":
        position += 1
        try close("end")
        return (nodes, word)
      case "else":
        position += 1
        return (nodes, word)
      case "if", "with", "range", "break", "continue":
        position += 1
        nodes.append(try control(word))
      case "define", "template", "block":
        throw failure("{{\(word)}} is not supported here")
      default: nodes.append(.output(try pipelineToClose()))
      }
    }
    return (nodes, nil)
  }

  private mutating func control(_ word: String) throws(TemplateError) -> TemplateNode {
    if word == "break" || word == "continue" {
      guard loops > 0 else { throw failure("{{\(word)}} outside {{range}}") }
      try close(word)
      return word == "break" ? .breakLoop : .continueLoop
    }
    let scope = variables.count
    defer { variables.removeLast(variables.count - scope) }
    let pipeline = try pipelineToClose(word)
    if word == "range" { loops += 1 }
    let (body, end) = try list()
    if word == "range" { loops -= 1 }
    guard let end else { throw failure("unexpected EOF") }
    var otherwise: [TemplateNode] = []
    if end == "else" {
      if case .identifier(let next) = peek, next == word, word != "range" {
        position += 1
        // `else if` shares the closing end of the whole.
        otherwise = [try control(next)]
      } else {
        try close("else")
        let (nodes, last) = try list()
        guard last == "end" else { throw failure(last == nil ? "unexpected EOF" : "expected end; found {{else}}") }
        otherwise = nodes
      }
    }
    switch word {
    case "if": return .condition(pipeline, then: body, otherwise: otherwise)
    case "with": return .with(pipeline, then: body, otherwise: otherwise)
    default: return .range(pipeline, body: body, otherwise: otherwise)
    }
  }

  private mutating func pipelineToClose(_ context: String = "command") throws(TemplateError) -> TemplatePipeline {
    let pipeline = try pipeline(until: .close, of: context)
    try close("command")
    return pipeline
  }

  private mutating func pipeline(
    until end: TemplateToken.Kind, of context: String = "command"
  ) throws(TemplateError) -> TemplatePipeline {
    depth += 1
    defer { depth -= 1 }
    guard depth <= GoTemplate.Limits.nesting else {
      throw failure("parentheses are nested deeper than \(GoTemplate.Limits.nesting)")
    }
    var pipeline = TemplatePipeline()
    try declaration(&pipeline)
    while true {
      var command = TemplateCommand(operands: [])
      while let operand = try operand() { command.operands.append(operand) }
      // Go lets a pipe at the end stand.
      if command.operands.isEmpty, !pipeline.commands.isEmpty { break }
      guard !command.operands.isEmpty else { throw failure("missing value for \(context)") }
      command.end = position < tokens.count ? tokens[position].offset : source.utf8.count
      pipeline.commands.append(command)
      guard peek == .pipe else { break }
      position += 1
    }
    guard peek == end else { throw failure("unexpected \(describe(peek)) in operand") }
    return pipeline
  }

  /// `$x :=`, `$x =` or `$i, $x :=`; nothing is consumed when there is none.
  private mutating func declaration(_ pipeline: inout TemplatePipeline) throws(TemplateError) {
    var place = position
    var names: [String] = []
    while place + 1 < tokens.count, case .variable(let name) = tokens[place].kind {
      names.append(name)
      place += 1
      if tokens[place].kind == .comma, names.count == 1 {
        place += 1
        continue
      }
      guard tokens[place].kind == .declare || tokens[place].kind == .assign else { return }
      pipeline.variables = names
      pipeline.assigns = tokens[place].kind == .assign
      if pipeline.assigns {
        for name in names where !variables.contains(name) { throw failure("undefined variable \(goQuoted(name))") }
      }
      variables += names
      position = place + 1
      return
    }
  }

  private mutating func operand() throws(TemplateError) -> TemplateOperand? {
    guard let token = position < tokens.count ? tokens[position] : nil else { return nil }
    var operand = TemplateOperand(kind: .dot, offset: token.offset)
    switch token.kind {
    case .dot: break
    case .field(let name, _): operand.fields.append((name, token.offset))
    case .variable(let name):
      guard variables.contains(name) else { throw failure("undefined variable \(goQuoted(name))") }
      operand.kind = .variable(name)
    case .string(let text): operand.kind = .literal(.string(text))
    case .number(let number): operand.kind = .literal(number)
    case .identifier("true"): operand.kind = .literal(.bool(true))
    case .identifier("false"): operand.kind = .literal(.bool(false))
    case .identifier("nil"): operand.kind = .literal(.null)
    case .identifier(let name):
      guard TemplateFunctions.names.contains(name) else { throw failure("function \(goQuoted(name)) not defined") }
      operand.kind = .function(name)
    case .leftParenthesis:
      position += 1
      operand.kind = .pipeline(try pipeline(until: .rightParenthesis))
    default: return nil
    }
    position += 1
    while position < tokens.count, case .field(let name, glued: true) = tokens[position].kind {
      operand.fields.append((name, tokens[position].offset))
      position += 1
    }
    return operand
  }

  private mutating func close(_ context: String) throws(TemplateError) {
    guard peek == .close else { throw failure("unexpected \(describe(peek)) in \(context)") }
    position += 1
  }

  private var peek: TemplateToken.Kind? { position < tokens.count ? tokens[position].kind : nil }

  private func failure(_ reason: String) -> TemplateError {
    let offset = position < tokens.count ? tokens[position].offset : source.utf8.count
    return TemplateError(reason, at: offset, in: source)
  }

  private func describe(_ kind: TemplateToken.Kind?) -> String {
    switch kind {
    case nil: "EOF"
    case .close: "\"}}\""
    case .rightParenthesis: "right paren"
    case .comma: "\",\""
    case .declare: "\":=\""
    case .assign: "\"=\""
    case .pipe: "\"|\""
    default: "token"
    }
  }
}
