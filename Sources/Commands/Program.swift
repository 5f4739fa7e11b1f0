internal import Basics
internal import Glibc

/// The command line: from argv to a verb, and from what the verb throws to a line on stderr and an exit status.
package struct Program {
  private let name: ProgramName
  private let output: Output
  private let errors: Output

  package init(name: ProgramName, output: Output, errors: Output) {
    self.name = name
    self.output = output
    self.errors = errors
  }

  /// Runs the program as a process of its own: `arguments` begin with argv[0].
  /// - Returns: the exit status.
  package static func main(_ arguments: [String]) -> Int32 {
    reopenClosedStandardDescriptors()
    let program = Program(
      name: ProgramName(argumentZero: arguments.first ?? ""),
      output: Output(descriptor: STDOUT_FILENO), errors: Output(descriptor: STDERR_FILENO))
    return program.run(arguments.dropFirst()).value
  }

  /// Runs `words`, shows what went wrong, and writes both streams out.
  package func run(_ words: ArraySlice<String>) -> ExitCode {
    var globals = GlobalOptions()
    var code: ExitCode
    do {
      let parsed = try ArgumentParser.parse(words, flags: GlobalOptions.flags, interspersed: false, into: &globals)
      // docker's own order: the flag stands for the variable.
      if let directory = globals.clientDirectory { setenv("DOCKER_CONFIG", try LocalFile.absolute(directory), 1) }
      code = try dispatch(parsed, globals)
    } catch let error as ArgumentError {
      code = showUsageError(error, [], "[OPTIONS] COMMAND [ARG...]", globals)
    } catch {
      code = show(error, globals, otherwise: .engine)
    }
    return finish(code, globals)
  }

  private func finish(_ code: ExitCode, _ globals: GlobalOptions) -> ExitCode {
    var code = code
    do {
      try output.flush()
    } catch {
      code.worsen(to: show(error, globals, otherwise: .failure))
    }
    // Nothing is left to say it to when stderr itself fails.
    try? errors.flush()
    return code
  }

  private func dispatch(_ parsed: ParsedArguments, _ globals: GlobalOptions) throws -> ExitCode {
    if globals.showVersion, !parsed.helpRequested {
      output.line("\(name.versionTitle) version \(ProductVersion.text)")
      return .success
    }
    guard !parsed.operands.isEmpty, !parsed.helpRequested else {
      output.write(HelpText(program: name).root())
      return .success
    }
    return try resolve(parsed.operands[...], [], [], globals)
  }

  /// Walks the tree along the words typed; `entries` are those below `path`, looked up without a list at the top.
  private func resolve(
    _ words: ArraySlice<String>, _ path: [String], _ entries: [CommandEntry], _ globals: GlobalOptions
  ) throws -> ExitCode {
    guard let word = words.first else { return .success }
    let found = path.isEmpty ? CommandTree.entry(word) : entries.first { $0.answers(to: word) }
    guard let entry = found else {
      return unknownCommand(word, path, path.isEmpty ? CommandTree.entries : entries, globals)
    }
    let here = path + [word]
    let typed = here.joined(separator: " ")
    switch entry.meaning {
    case .verb(let command):
      return try execute(command, words.dropFirst(), here, globals)
    case .noun(let summary, let verbs):
      let next = words.dropFirst().first
      if next == nil || next == "--help" || next == "-h" {
        output.write(HelpText(program: name).noun(here, summary: summary, verbs: verbs()))
        return .success
      }
      return try resolve(words.dropFirst(), here, verbs(), globals)
    case .later(let sentence):
      throw EngineError(.unsupported, typed, "not in this version yet", hint: sentence.isEmpty ? nil : sentence)
    case .never(let sentence):
      throw EngineError(.unsupported, typed, sentence)
    }
  }

  private func execute<C: Command>(
    _ command: C.Type, _ words: ArraySlice<String>, _ path: [String], _ globals: GlobalOptions
  ) throws -> ExitCode {
    let description = C.words
    var options = C.Options()
    do {
      let flags = C.flags
      let parsed = try ArgumentParser.parse(
        words, flags: flags, refused: { C.refusedFlags }, interspersed: description.interspersed, into: &options)
      if parsed.helpRequested {
        output.write(HelpText(program: name).command(path, description, flags.map(FlagText.init)))
        return .success
      }
      for note in parsed.notes { errors.line(note) }
      if let complaint = description.operands.complaint(parsed.operands.count),
        !(parsed.operands.isEmpty && C.needsNoOperands(options))
      {
        return wrongCount(complaint, path, description, globals)
      }
      var invocation = Invocation(program: name, path: path, globals: globals, output: output, errors: errors)
      invocation.words = Array(words)
      return try C.run(options, parsed.operands, invocation)
    } catch let error as ArgumentError {
      return showUsageError(error, path, description.usage, globals)
    } catch {
      return show(error, globals, otherwise: C.failureCode)
    }
  }

  private func show(_ error: any Error, _ globals: GlobalOptions, otherwise: ExitCode) -> ExitCode {
    errors.write(ErrorRenderer(program: name, asJSON: globals.errorsAsJSON).text(of: error))
    return ExitCode(of: error, otherwise: otherwise)
  }

  private func showUsageError(
    _ error: ArgumentError, _ path: [String], _ usage: String, _ globals: GlobalOptions
  ) -> ExitCode {
    errors.write(ErrorRenderer(program: name, asJSON: globals.errorsAsJSON).text(of: error))
    if !globals.errorsAsJSON { errors.write(HelpText(program: name).pointer(path, usage: usage)) }
    return .engine
  }

  private func wrongCount(
    _ complaint: String, _ path: [String], _ words: CommandWords, _ globals: GlobalOptions
  ) -> ExitCode {
    let line = ([name.rawValue] + path).joined(separator: " ")
    let error = ArgumentError(message: "'\(line)' \(complaint)")
    _ = showUsageError(error, path, words.usage, globals)
    return .failure
  }

  private func unknownCommand(
    _ word: String, _ path: [String], _ entries: [CommandEntry], _ globals: GlobalOptions
  ) -> ExitCode {
    let line = ([name.rawValue] + path).joined(separator: " ")
    let known = entries.filter(\.isShown).flatMap { [$0.name] + $0.aliases }
    let error = ArgumentError(
      message: "unknown command: \(line) \(safeText(word))",
      hint: nearest(to: word, among: known).map { "did you mean '\(line) \($0)'?" })
    errors.write(ErrorRenderer(program: name, asJSON: globals.errorsAsJSON).text(of: error))
    if !globals.errorsAsJSON { errors.write("\nRun '\(line) --help' for more information\n") }
    return .failure
  }
}
