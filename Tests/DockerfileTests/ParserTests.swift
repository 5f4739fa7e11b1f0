import Testing

@testable import Dockerfile

/// Parses a text; helper of this module's tests.
func parsed(_ text: String) throws -> ParsedDockerfile { try ParsedDockerfile(parsing: Array(text.utf8)) }

/// What a text is refused with.
func refusal(_ text: String) -> BuildDiagnostic? {
  do throws(BuildDiagnostic) {
    _ = try ParsedDockerfile(parsing: Array(text.utf8))
    return nil
  } catch { return error }
}

@Suite struct ParserTests {
  @Test func `a file is stages of instructions`() throws {
    let file = try parsed("ARG v=1\nFROM busybox:$v AS Base\nRUN a \\\n  b\nFROM base\nCOPY --from=0 x y\n")
    #expect(file.globalArguments.count == 1)
    #expect(file.stages.map(\.name) == ["base", nil])
    #expect(file.stages[0].base == "busybox:$v")
    #expect(file.stages[0].instructions[0].range == SourceRange(3, 4))
    #expect(file.stages[0].instructions[0].text == "RUN a   b")
    #expect(file.stages[1].instructions[0].instruction.origins == ["0"])
  }
}
