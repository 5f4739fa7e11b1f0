internal import Basics

extension ParsedDockerfile {
  /// Parses a Dockerfile; `name` is what diagnostics call it.
  /// - Throws: the first error, with its place.
  package init(parsing bytes: [UInt8], name: String = "Dockerfile") throws(BuildDiagnostic) {
    guard bytes.count <= DockerfileLimits.fileBytes else {
      throw BuildDiagnostic("the Dockerfile is larger than \(DockerfileLimits.fileBytes) bytes")
    }
    let text = Self.text(of: bytes)
    let physical = Self.physicalLines(text)
    source = DockerfileSource(name: name, lines: physical.map { String(withoutLineEnd($0)) })
    guard !bytes.contains(0) else {
      throw BuildDiagnostic(
        "the Dockerfile has a NUL byte", hint: "write it in UTF-8: some editors save UTF-16")
    }
    let reader = try LogicalLineReader(physical)
    directives = reader.directives
    try Self.check(directives.syntax, source)
    globalArguments = []
    stages = []
    emptyContinuations = reader.lines.filter(\.emptyContinuation).map(\.range)
    for line in reader.lines {
      do throws(BuildDiagnostic) { try add(line) } catch { throw error.located(at: line.range) }
    }
    guard !reader.lines.isEmpty else { throw BuildDiagnostic("the Dockerfile has no instructions") }
    guard !stages.isEmpty else { throw BuildDiagnostic("the Dockerfile has no FROM: no build stage to build") }
  }

  /// Parses an ONBUILD trigger of an image's config. It may be any instruction that ONBUILD takes; its place is that
  /// of the FROM that brought it in.
  package static func trigger(_ text: String, at range: SourceRange) throws(BuildDiagnostic) -> InstructionNode {
    do throws(BuildDiagnostic) {
      let reader = try LogicalLineReader(physicalLines(text))
      guard reader.lines.count == 1, let line = reader.lines.first else {
        throw BuildDiagnostic("an ONBUILD trigger is one instruction, not \(reader.lines.count)")
      }
      var node = try node(line, escape: "\\")
      try OnbuildInstruction.check(trigger: node.keyword)
      node.range = range
      return node
    } catch {
      var located = error
      located.range = range
      located.word = nil
      throw located
    }
  }

  /// A byte order mark is dropped; what is no UTF-8 becomes U+FFFD (comments in other encodings exist).
  private static func text(of bytes: [UInt8]) -> String {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    return String(decoding: bytes.starts(with: mark) ? bytes.dropFirst(3) : bytes[...], as: UTF8.self)
  }

  /// Lines with their ends.
  private static func physicalLines(_ text: String) -> [Substring] {
    var lines: [Substring] = []
    var start = text.startIndex
    while let newline = text.utf8[start...].firstIndex(of: 0x0A) {
      let end = text.utf8.index(after: newline)
      lines.append(text[start..<end])
      start = end
    }
    if start < text.endIndex { lines.append(text[start...]) }
    return lines
  }

  private mutating func add(_ line: LogicalLine) throws(BuildDiagnostic) {
    let parts = InstructionLine(line.text, heredocs: line.heredocs, escape: directives.escape)
    if parts.keyword.uppercased() == "FROM" {
      guard stages.count < DockerfileLimits.stages else {
        throw BuildDiagnostic("more than \(DockerfileLimits.stages) stages")
      }
      stages.append(try DockerfileStage(parts, line))
      return
    }
    let node = try Self.node(line, escape: directives.escape)
    guard stages.isEmpty else {
      stages[stages.count - 1].instructions.append(node)
      return
    }
    guard case .arg = node.instruction else {
      throw BuildDiagnostic(
        "no build stage in current context: \(node.keyword.uppercased()) stands before the first FROM",
        hint: "only ARG may stand before FROM", word: node.keyword)
    }
    globalArguments.append(node)
  }

  private static func node(_ line: LogicalLine, escape: Unicode.Scalar) throws(BuildDiagnostic) -> InstructionNode {
    let parts = InstructionLine(line.text, heredocs: line.heredocs, escape: escape)
    return InstructionNode(
      instruction: try InstructionSet.parse(parts), keyword: parts.keyword, text: trimmed(line.text), range: line.range,
      comments: line.comments)
  }

  /// No frontend is ever fetched or run (SECURITY D10): the names of Docker's own mean the language built in.
  private static func check(_ syntax: String?, _ source: DockerfileSource) throws(BuildDiagnostic) {
    guard let syntax, !isBuiltIn(syntax: syntax) else { return }
    let line = source.lines.firstIndex { $0.contains(syntax) }.map { SourceRange($0 + 1) }
    throw unknownSyntax(syntax, at: line)
  }

  /// The error for a frontend other than Docker's, also for the build argument `BUILDKIT_SYNTAX`.
  package static func unknownSyntax(_ syntax: String, at range: SourceRange? = nil) -> BuildDiagnostic {
    BuildDiagnostic(
      "the frontend \(safeText(String(syntax.prefix(300)))) cannot be used: frontends are images, and none is run here",
      at: range, hint: "docker/dockerfile:1 and its labs and upstream variants are built in", word: syntax)
  }

  /// Whether a `# syntax=` image is Docker's own Dockerfile frontend, version 1 of whatever channel.
  package static func isBuiltIn(syntax: String) -> Bool {
    var name = syntax.split(separator: "@", maxSplits: 1)[...].first.map(String.init) ?? ""
    for prefix in ["docker.io/", "index.docker.io/"] where name.hasPrefix(prefix) {
      name = String(name.dropFirst(prefix.count))
    }
    let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard ["docker/dockerfile", "docker/dockerfile-upstream", "docker/dockerfile-labs"].contains(parts[0]) else {
      return false
    }
    guard parts.count == 2 else { return true }
    let tag = parts[1]
    return ["latest", "labs", "experimental"].contains(tag) || tag.hasPrefix("master") || tag == "1"
      || tag.hasPrefix("1.")
      || tag.hasPrefix("1-") || tag.hasPrefix("v1")
  }
}

extension DockerfileStage {
  init(_ line: InstructionLine, _ logical: LogicalLine) throws(BuildDiagnostic) {
    let words = line.blankSeparated
    var writtenName: String?
    var asKeyword: String?
    if words.count == 3, words[1].lowercased() == "as" {
      asKeyword = words[1]
      writtenName = words[2]
      guard Self.isName(words[2].lowercased()) else {
        throw BuildDiagnostic(
          "invalid name for build stage: \(goQuoted(words[2])), name can't start with a number or contain symbols",
          word: words[2])
      }
    } else if words.count != 1 {
      throw BuildDiagnostic(
        "FROM requires either one or three arguments", hint: "FROM image, or FROM image AS name", word: line.rest)
    }
    let flags = try FlagReader(line, known: ["platform"])
    self.init(
      name: writtenName?.lowercased(), base: words[0], platform: try flags.text("platform"), instructions: [],
      keyword: line.keyword, asKeyword: asKeyword, writtenName: writtenName, text: trimmed(logical.text),
      range: logical.range, comments: logical.comments)
  }

  /// `[a-z][a-z0-9-_.]*`
  static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, (0x61...0x7A).contains(first) else { return false }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case 0x61...0x7A, 0x30...0x39, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
      default: false
      }
    }
  }
}
