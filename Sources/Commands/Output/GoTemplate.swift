package import Basics

/// Go's text/template as far as docker's `--format` needs it, evaluated over a JSON value.
///
/// Supported: fields, `$` and variables, `index len slice json join split title lower upper pad truncate println printf
/// print eq ne lt le gt ge and or not`, pipelines, `if/else if/else`, `range/else` with two variables, `with`,
/// `break`, `continue`, comments and trim marks. `define`, `template` and `block` are refused: nothing can recurse.
package struct GoTemplate {
  /// Limits of what a template from a script or a configuration file may cost (SECURITY E11).
  enum Limits {
    static let sourceBytes = 64 << 10
    static let nesting = 64
    static let outputBytes = 16 << 20
    static let steps = 1_000_000
  }

  let source: String
  let nodes: [TemplateNode]

  /// - Throws: `EngineError` of kind `usage` with Go's words and the place.
  package init(_ source: String) throws {
    guard source.utf8.count <= Limits.sourceBytes else {
      throw TemplateError("the template is longer than \(Limits.sourceBytes) bytes").engineError
    }
    do {
      var parser = TemplateParser(tokens: try TemplateLexer.tokens(of: source), source: source)
      nodes = try parser.parse()
    } catch {
      throw error.engineError
    }
    self.source = source
  }

  /// The template of a command that shows single objects: docker's exit code for one that cannot be read is 64 there.
  package static func ofObject(_ source: String) throws -> GoTemplate {
    do { return try GoTemplate(source) } catch let error as EngineError { throw UnreadableTemplate(error: error) }
  }

  /// Renders the template for one object.
  ///
  /// `methods` answers calls with arguments, such as `.Label "x"`.
  package func render(
    _ value: JSON, methods: ((String, [JSON]) -> JSON?)? = nil
  ) throws -> String {
    var evaluation = TemplateEvaluation(source: source, root: value, methods: methods)
    do {
      return try evaluation.run(nodes)
    } catch let error as TemplateError {
      throw error.engineError
    }
  }
}

/// A template that cannot be read, where docker's exit code is 64 (EX_USAGE, sysexits.h).
package struct UnreadableTemplate: Error {
  var error: EngineError
}

/// What is wrong with a template or its evaluation; `place` is a byte offset in the source.
struct TemplateError: Error, Equatable {
  var reason: String

  init(_ reason: String) { self.reason = reason }

  /// With the place in Go's form `template: :line:column:`.
  init(_ reason: String, at offset: Int, in source: String, executing action: String? = nil) {
    var line = 1
    var column = 0
    for byte in source.utf8.prefix(offset) {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 0
      } else {
        column += 1
      }
    }
    if let action {
      self.reason = "template: :\(line):\(column): executing \"\" at <\(action)>: \(reason)"
    } else {
      self.reason = "template: :\(line): \(reason)"
    }
  }

  var engineError: EngineError { EngineError(.invalidInput, "template parsing error", reason) }
}
