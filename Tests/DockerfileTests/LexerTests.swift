import Testing

@testable import Dockerfile

/// The command line of the first RUN.
private func command(_ text: String) throws -> RunInstruction? {
  for node in try parsed(text).stages.flatMap(\.instructions) {
    if case .run(let run) = node.instruction { return run }
  }
  return nil
}

@Suite struct LexerTests {
  @Test(arguments: [
    ("FROM a\nRUN x \\\n  y\n", "x   y"), ("FROM a\nRUN x \\\n# comment\n  y\n", "x   y"),
    ("FROM a\nRUN x \\  \t\n\n  # c\ny\n", "x y"), ("FROM a\nRUN x \\\\\nRUN y", #"x \\"#),
    ("# escape=`\nFROM a\nRUN x `\n y\n", "x  y"), ("FROM a\r\nRUN x \\\r\n y\r\n", "x  y"),
    ("\u{FEFF}FROM a\nRUN x\n", "x"), ("  FROM a\n\t run  x\n", "x"), ("FROM a\nRUN \\\n x\n", "x"),
    ("FROM a\nRUN x \\\n", "x"),
    ("FROM a\nRUN --network=none -- --x\n", "--x"),
  ])
  func `continuation lines, comments and blanks`(text: String, line: String) throws {
    #expect(try command(text)?.command == .shell(line))
  }

  @Test func `empty continuation lines are noted with their place`() throws {
    #expect(try parsed("FROM a\nRUN x \\\n\n y\nRUN z\n").emptyContinuations == [SourceRange(2, 4)])
  }

  @Test func `directives stand at the top, each once`() throws {
    let text = "# syntax=docker/dockerfile:1.7-labs\n#escape = `\n# check=skip=UndefinedVar;error=true\nFROM a\n"
    let directives = try parsed(text).directives
    #expect(directives.syntax == "docker/dockerfile:1.7-labs")
    #expect(directives.escape == "`")
    #expect(directives.check.error)
    #expect(directives.check.skip == .rules(["UndefinedVar"]))
    #expect(try parsed("# comment\n# escape=`\nFROM a\n").directives.escape == "\\")
    #expect(try parsed("FROM a\n# escape=`\n").directives.escape == "\\")
    #expect(try parsed("#!/usr/bin/env x\n# escape=`\nFROM a\n").directives.escape == "`")
  }

  @Test(arguments: [
    ("# escape=`\n# escape=`\nFROM a\n", "only one escape parser directive can be used", 2),
    ("# escape=x\nFROM a\n", "invalid escape token 'x' does not match ` or \\", 1),
    ("# check=foo=1\nFROM a\n", "invalid check option \"foo\"", 1),
    (
      "# syntax=evil/frontend:1\nFROM a\n",
      "the frontend evil/frontend:1 cannot be used: frontends are images, and none is run here", 1
    ),
    ("FROM a\nRUN <<EOF\nx\n", "unterminated heredoc", 2),
    ("RUN x\nFROM a\n", "no build stage in current context: RUN stands before the first FROM", 1),
  ])
  func `broken files are refused with their line`(text: String, message: String, line: Int) {
    let error = refusal(text)
    #expect(error?.message == message)
    #expect(error?.range?.first == line)
  }

  @Test(arguments: ["", "\n\n", "# comment\n", "ARG x\n", "FROM a\nRUN\0x\n"])
  func `files without a stage and with NUL bytes are refused`(text: String) {
    #expect(refusal(text) != nil)
  }

  @Test(arguments: [
    "docker/dockerfile", "docker/dockerfile:1", "docker/dockerfile:1.20", "docker.io/docker/dockerfile:1-labs",
    "docker/dockerfile-upstream:master", "docker/dockerfile:1@sha256:aa", "docker/dockerfile:latest",
    "docker/dockerfile:1.3-labs", "docker/dockerfile-upstream:master-experimental",
  ])
  func `Docker's own frontends are built in`(name: String) { #expect(ParsedDockerfile.isBuiltIn(syntax: name)) }

  @Test(arguments: [
    "docker/dockerfile:2", "evil/dockerfile:1", "docker/dockerfilex", "example.com/docker/dockerfile:1",
  ])
  func `others are not`(name: String) { #expect(!ParsedDockerfile.isBuiltIn(syntax: name)) }

  @Test func `limits hold`() {
    #expect(refusal("FROM a\n" + String(repeating: "#\n", count: 3_000_000)) != nil)
    #expect(refusal("FROM a\nRUN " + String(repeating: "x", count: 1 << 20) + "\\\n y\n") != nil)
    #expect(refusal(String(repeating: "FROM a\n", count: 1001)) != nil)
    #expect(refusal("FROM a\n" + String(repeating: "USER x\n", count: 20_001)) != nil)
    let many = (0...100).map { "<<E\($0)" }.joined(separator: " ")
    #expect(refusal("FROM a\nCOPY \(many) /\n")?.message.contains("heredocs") == true)
  }
}

@Suite struct HeredocTests {
  @Test(arguments: [
    ("RUN <<EOF\necho $a\nEOF\n", "EOF", true, "echo $a\n"), ("RUN <<'EOF'\nx\nEOF\n", "EOF", false, "x\n"),
    ("RUN <<\"EOF\"\nx\nEOF\n", "EOF", false, "x\n"), ("RUN <<E\"O\"F\nx\nEOF\n", "EOF", false, "x\n"),
    ("RUN <<-EOF\n\t\tx\n\ty\n\tEOF\n", "EOF", true, "x\ny\n"), ("RUN << EOF\nx\nEOF\n", "EOF", true, "x\n"),
    ("RUN 3<<EOF\nx\nEOF\n", "EOF", true, "x\n"),
    ("RUN cat <<EOF >/x\n  a \\\n# b\n\nEOF\n", "EOF", true, "  a \\\n# b\n\n"),
    ("RUN <<EOF\r\nx\r\nEOF\r\n", "EOF", true, "x\r\n"),
  ])
  func `a heredoc is taken as it stands`(text: String, name: String, expands: Bool, body: String) throws {
    let run = try command("FROM a\n" + text)
    #expect(run?.heredocs.map(\.name) == [name])
    #expect(run?.heredocs.first?.expands == expands)
    #expect(run?.heredocs.first?.body == body)
  }

  @Test(arguments: [
    "RUN '<<EOF'", "RUN \"<<EOF\"", "RUN x \\<<EOF", "RUN [\"<<EOF\"]", "RUN x <<<EOF", "ENV a=<<EOF", "CMD <<EOF",
    "RUN x < y",
  ])
  func `what only looks like one is none`(text: String) throws {
    #expect(try parsed("FROM a\n\(text)\nUSER x\n").stages[0].instructions.count == 2)
  }

  @Test func `several follow each other`() throws {
    let run = try command("FROM a\nRUN cat <<A - <<'B'\n1\nA\n2\nB\nUSER x\n")
    #expect(run?.heredocs.map(\.content) == ["1\n", "2\n"])
    #expect(run?.program(shell: ["sh", "-c"]).arguments == ["sh", "-c", "cat <<A - <<'B'\n1\nA\n2\nB"])
  }

  @Test func `alone it is the script, with an interpreter line a program`() throws {
    #expect(
      try command("FROM a\nRUN <<E\necho\nE\n")?.program(shell: ["sh", "-c"]).arguments == ["sh", "-c", "echo\n"])
    let program = try command("FROM a\nRUN <<-E\n\t#!/bin/x\n\ty\nE\n")?.program(shell: ["sh", "-c"])
    #expect(program?.arguments == ["/dev/pipes/E"])
    #expect(program?.script?.content == "#!/bin/x\ny\n")
  }

  @Test func `COPY makes files of them, expanded unless quoted`() throws {
    let file = try parsed("FROM a\nCOPY --chmod=600 <<A x <<-\"B\" /d/\nv=$v '\"' \\$v\nA\n\t$v\nB\n")
    var scope = StageScope(environment: ["v=1"], arguments: BuildArguments(), escape: "\\")
    guard case .copy(let copy) = try scope.expand(file.stages[0].instructions[0]).instruction else {
      Issue.record("no COPY")
      return
    }
    #expect(copy.files.paths == ["x"])
    #expect(copy.files.destination == "/d/")
    #expect(copy.files.documents.map(\.name) == ["A", "B"])
    #expect(copy.files.documents.map(\.body) == ["v=1 '\"' $v\n", "$v\n"])
  }

  @Test func `a trigger keeps its heredocs`() throws {
    let file = try parsed("FROM a\nONBUILD COPY <<A /x\nhi\nA\n")
    guard case .onbuild(let onbuild) = file.stages[0].instructions[0].instruction else {
      Issue.record("no ONBUILD")
      return
    }
    #expect(onbuild.trigger == "COPY <<A /x\nhi\nA")
    let node = try ParsedDockerfile.trigger(onbuild.trigger, at: SourceRange(7))
    guard case .copy(let copy) = node.instruction else {
      Issue.record("no COPY")
      return
    }
    #expect(copy.files.documents.first?.content == "hi\n")
    #expect(node.range == SourceRange(7))
  }

  @Test func `as a destination it is refused`() {
    #expect(refusal("FROM a\nCOPY x <<A\nA\n")?.message == "COPY cannot accept a heredoc as a destination")
  }
}
