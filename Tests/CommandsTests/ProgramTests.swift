import Basics
import Commands
import Testing

/// Runs a command line in this process, which is possible for what never reaches the engine.
func dhow(_ line: String, as name: ProgramName = .dhow) -> (code: Int32, output: String, errors: String) {
  dhow(words: line.split(separator: " ").map(String.init), as: name)
}

func dhow(words: [String], as name: ProgramName = .dhow) -> (code: Int32, output: String, errors: String) {
  let output = Output.collecting()
  let errors = Output.collecting()
  let code = Program(name: name, output: output, errors: errors).run(words[...])
  return (code.value, output.collected, errors.collected)
}

@Suite struct ProgramTests {
  /// Every line is run, and its exit code and stderr are compared with one file, so that a reader sees all wording in
  /// one place.
  @Test func `usage errors have docker's words and exit codes`() throws {
    let lines = [
      "--nosuch", "-Z", "runn", "versoin", "container nosuch", "container inspct", "version a", "version --nosuch",
      "version --format", "artifact ls", "build .", "pod ls", "swarm init", "service ls", "container runlabel x",
      "system migrate", "image scp a b", "-H tcp://x ps", "--error-format json nosuch",
      "--error-format xml version", "version --format {{.Nope}}", "version --format {{",
    ]
    var text = ""
    for line in lines {
      let result = dhow(line)
      text += "$ dhow \(line)\n\(result.errors)[\(result.code)]\n\n"
    }
    try Golden.expect(text, is: "usage-errors.txt")
  }

  @Test func `it answers by the name it was called`() {
    #expect(dhow("--version").output == "dhow version \(ProductVersion.text)\n")
    #expect(dhow("--version", as: .docker).output == "Docker version \(ProductVersion.text)\n")
    #expect(dhow("-v", as: .podman).output == "podman version \(ProductVersion.text)\n")
    #expect(dhow("nosuch", as: .docker).errors.hasPrefix("docker: unknown command: docker nosuch\n"))
    #expect(ProgramName(argumentZero: "/usr/local/bin/podman") == .podman)
    #expect(ProgramName(argumentZero: "./dhow-debug") == .dhow)
    #expect(ProgramName(argumentZero: "") == .dhow)
  }

  @Test func `version tells of a client and a server`() throws {
    #expect(dhow(words: ["version", "-f", "{{.Server.ApiVersion}}"]).output == "1.50\n")
    let json = try JSON(parsing: dhow("version --format json").output)
    #expect(json["Client"]?["Version"]?.stringValue == ProductVersion.text)
    #expect(json["Server"]?["Os"]?.stringValue == "linux")
  }

  @Test(arguments: ["", "container", "image", "system", "--help", "container --help"])
  func `help goes to stdout and is a success`(_ line: String) {
    let result = dhow(line)
    #expect(result.code == 0)
    #expect(result.output.hasPrefix("\nUsage:  dhow"))
    #expect(result.errors.isEmpty)
  }

  @Test func `errors are one object per line for scripts`() throws {
    let result = dhow("--error-format json swarm init")
    let json = try JSON(parsing: result.errors)
    #expect(json["kind"]?.stringValue == "unsupported")
    #expect(json["doing"]?.stringValue == "swarm")
  }
}

@Suite struct ErrorRendererTests {
  @Test func `an error is one sentence and perhaps a hint`() {
    let renderer = ErrorRenderer(program: .dhow)
    #expect(
      renderer.text(of: EngineError(.inUse, "starting web", "port 8080 is taken", hint: "dhow stop old"))
        == "dhow: starting web: port 8080 is taken\nhint: dhow stop old\n")
    #expect(renderer.text(of: EngineError(.notFound, "", "nothing")) == "dhow: nothing\n")
    #expect(renderer.text(of: BrokenPipe()) == "")
    #expect(
      ErrorRenderer(program: .podman).text(of: EngineError(.inUse, "x", "y", hint: "dhow rm it, or dhow stop it"))
        == "podman: x: y\nhint: podman rm it, or podman stop it\n")
  }

  @Test func `no control character of foreign text reaches the terminal`() {
    let text = ErrorRenderer(program: .dhow).text(
      of: EngineError(.corrupt, "reading \u{1b}]52;c;x\u{07}", "bad\r\nname \u{202E}x", hint: "\u{9b}1m"))
    #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || ($0.value >= 0x20 && $0.value < 0x7F) })
  }

  @Test(arguments: [
    (EngineError.Kind.commandNotFound, 127, 127), (.commandNotExecutable, 126, 126), (.notFound, 125, 1),
    (.alreadyExists, 125, 1), (.inUse, 125, 1), (.invalidInput, 125, 1), (.unsupported, 125, 125), (.usage, 125, 125),
    (.denied, 125, 1), (.wrongState, 125, 1), (.corrupt, 125, 1), (.unavailable, 125, 1), (.limitReached, 125, 1),
    (.cancelled, 125, 1), (.internal, 125, 125),
  ])
  func `the exit code follows from the kind`(_ kind: EngineError.Kind, _ run: Int32, _ other: Int32) {
    let error = EngineError(kind, "x", "y")
    #expect(ExitCode(of: error, otherwise: .engine).value == run)
    #expect(ExitCode(of: error).value == other)
  }

  @Test func `the worst of several outcomes counts`() {
    var code = ExitCode.success
    code.worsen(to: .success)
    #expect(code == .success)
    code.worsen(to: .failure)
    code.worsen(to: .success)
    #expect(code == .failure)
    code.worsen(to: .engine)
    code.worsen(to: .failure)
    #expect(code == .engine)
  }
}
