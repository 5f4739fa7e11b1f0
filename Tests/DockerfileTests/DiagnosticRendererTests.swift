import Testing

@testable import Dockerfile

@Suite struct DiagnosticRendererTests {
  @Test func `an error shows its lines with a mark and a caret`() throws {
    let text = "FROM a\nENV b=c\nRUM\techo\nCMD d\nUSER e\nUSER f\n"
    let error = try #require(refusal(text))
    let lines = text.split(separator: "\n").map { String($0) }
    #expect(
      error.rendered(in: DockerfileSource(name: "sub/Dockerfile", lines: lines)) == """
        sub/Dockerfile:3: unknown instruction: RUM
           1 |     FROM a
           2 |     ENV b=c
           3 | >>> RUM    echo
             |     ^~~
           4 |     CMD d
           5 |     USER e
        """)
  }

  @Test func `a finding has its rule, and every line of the instruction is marked`() throws {
    let file = try parsed("FROM a\nCMD x \\\n  y\n")
    let finding = try #require(file.lint(arguments: BuildArguments()).first)
    #expect(
      finding.rendered(in: file.source) == """
        Dockerfile:2: JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals
           1 |     FROM a
           2 | >>> CMD x \\
             |     ^~~
           3 | >>>   y
        """)
  }

  @Test func `escape sequences of a file do not reach the terminal`() throws {
    let error = try #require(refusal("FROM a\nR\u{1B}[2JUN x\n"))
    let text = error.rendered(in: DockerfileSource(name: "D\u{1B}", lines: ["FROM a", "R\u{1B}[2JUN x"]))
    #expect(!text.contains("\u{1B}"))
    #expect(text.contains(#"\x1b"#))
  }

  @Test func `without a place there is no excerpt`() {
    #expect(BuildDiagnostic("bad").rendered(in: DockerfileSource(name: "D", lines: [])) == "D: bad")
    #expect(BuildDiagnostic("bad", at: SourceRange(9)).excerpt(in: DockerfileSource(name: "D", lines: ["x"])) == [])
  }
}
