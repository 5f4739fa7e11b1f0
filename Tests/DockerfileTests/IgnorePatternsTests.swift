import Testing

@testable import Dockerfile

@Suite struct IgnorePatternsTests {
  private func ignored(_ file: String, _ path: String) throws -> Bool {
    try IgnorePatterns(parsing: Array(file.utf8), name: ".dockerignore").ignores(path)
  }

  @Test(arguments: [
    ("a", "a", true), ("a", "a/b/c", true), ("a", "b/a", false), ("/a", "a", true), ("./a/", "a/x", true),
    ("a/../b", "b", true), ("*", "x/y", true), ("*.o", "x.o", true), ("*.o", "d/x.o", false), ("*/*.o", "d/x.o", true),
    ("**/*.o", "x.o", true), ("**/*.o", "a/b/x.o", true), ("**", "a/b", true), ("a/**", "a/b/c", true),
    ("a/**", "a", false),
    ("a/**/z", "a/z", true), ("a/**/z", "a/b/c/z/y", true), ("a?c", "abc", true), ("a?c", "a/c", false),
    ("[a-c]x", "bx", true),
    ("[^a-c]x", "bx", false), ("[^a-c]x", "dx", true), (#"\*x"#, "*x", true), (#"\*x"#, "ax", false),
    ("**/foo", "foo", true),
    ("**/foo", "a/foo/b", true), ("**foo", "barfoo", true), ("abc.def", "abcxdef", false), ("a(b)", "a(b)", true),
    ("**/a/**", "x/a/b", true), ("**/a/**", "x/a", false), ("dir/*", "dir/x/y", true), ("é*", "éa", true),
    ("**/**/x", "a/b/x", true), ("a**", "abc/d", true), ("x", "xy", false), ("x/y", "x", false), (".", "a", false),
  ])
  func `patterns match as moby's do`(pattern: String, path: String, result: Bool) throws {
    #expect(try ignored(pattern, path) == result)
  }

  @Test(arguments: [
    ("*\n!a", "a", false), ("*\n!a", "b", true), ("!a\n*", "a", true), ("*.md\n!README.md", "README.md", false),
    ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true), ("d\n!d/keep", "d/keep", false),
    ("d\n!d/keep", "d/other", true), ("**\n!d", "d/x", false), ("# a\nb", "a", false), (" b \r\n", "b", true),
    ("! b\nb", "b", true), ("b\n! b", "b", false), ("\u{FEFF}b", "b", true), (" #b", "#b", true),
    ("*\n!/a/b/", "a/b/c", false),
  ])
  func `the last match decides`(file: String, path: String, result: Bool) throws {
    #expect(try ignored(file, path) == result)
  }

  @Test(arguments: ["[a", "a[]", "x\n!", #"a\"#, "[z-a]"])
  func `broken patterns are errors with their line`(file: String) {
    #expect(throws: BuildDiagnostic.self) { try ignored(file, "x") }
  }

  @Test func `an ignored directory is read only for what may be taken back`() throws {
    let patterns = try IgnorePatterns(parsing: Array("*\n!a/b/c\n!x*/y".utf8), name: "i")
    #expect(patterns.mayTakeBack(below: "a"))
    #expect(patterns.mayTakeBack(below: "a/b"))
    #expect(patterns.mayTakeBack(below: "xx"))
    let plain = try IgnorePatterns(parsing: Array("*\n!a/b/c".utf8), name: "i")
    #expect(!plain.mayTakeBack(below: "b"))
    #expect(!plain.mayTakeBack(below: "a/c"))
    #expect(!(try IgnorePatterns(["*"])).mayTakeBack(below: "a"))
  }

  @Test func `values of --exclude are patterns too`() throws {
    let patterns = try IgnorePatterns(["*.o", "!keep.o"])
    #expect(patterns.ignores("a.o"))
    #expect(!patterns.ignores("keep.o"))
    #expect(!IgnorePatterns().ignores("a"))
  }

  @Test func `a hostile pattern ends`() throws {
    let pattern = String(repeating: "*a", count: 2000)
    #expect(!(try IgnorePatterns([pattern])).ignores(String(repeating: "a", count: 4000) + "b"))
  }
}
