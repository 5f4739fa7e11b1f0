import Basics
import Testing

@testable import ImageBuild

/// Patterns, modes and keys.
@Suite struct SmallPartsTests {
  @Test(arguments: [
    ("a.txt", "*.txt", true), ("a.txt", "a*", true), ("a.txt", "?.txt", true), ("a.txt", "[a-c].txt", true),
    ("a.txt", "[^a].txt", false), ("a.txt", "*.md", false), ("a*b", "a\\*b", true), ("axb", "a\\*b", false),
    ("", "*", true), ("abc", "a*c", true), ("abcd", "a*c", false), ("aXbXc", "*X*c", true), ("a", "[a", false),
  ])
  func `a pattern of COPY matches as Go's does`(name: String, pattern: String, matches: Bool) {
    #expect(GoMatch.matches(name, pattern) == matches)
  }

  @Test(
    arguments: [
      ("755", 0o640, false, 0o755), ("u=rwX,go=rX", 0o600, false, 0o644), ("u=rwX,go=rX", 0o700, false, 0o755),
      ("u=rwX,go=rX", 0o600, true, 0o755), ("go-rwx", 0o755, false, 0o700), ("+x", 0o644, false, 0o755),
      ("u+s", 0o755, false, 0o4755), ("a=r", 0o777, false, 0o444), ("o+t", 0o755, true, 0o1755),
      ("4711", 0o644, false, 0o4711),
    ] as [(String, UInt32, Bool, UInt32)])
  func `modes change as chmod changes them`(text: String, mode: UInt32, isDirectory: Bool, result: UInt32) throws {
    #expect(try FileMode(text).applied(to: mode, isDirectory: isDirectory) == result)
  }

  @Test(arguments: ["", "8", "99999", "u~x", "rwx", "u=rwz", "u"])
  func `what is no mode is refused`(text: String) {
    #expect(throws: EngineError.self) { try FileMode(text) }
  }

  @Test func `no value of a key can look like another part`() {
    var keys: Set<String> = []
    for parts in [
      [("a", "b"), ("c", "d")], [("a", "b\n1 c 1 d")], [("a", "bc"), ("", "d")], [("ab", ""), ("c", "d")],
    ] {
      var key = StepKey("test", parent: "")
      for (name, value) in parts { key.add(name, value) }
      keys.insert(key.hex)
    }
    var one = StepKey("test", parent: "")
    one.add("list", ["a,b"])
    var two = StepKey("test", parent: "")
    two.add("list", ["a", "b"])
    keys.formUnion([one.hex, two.hex])
    #expect(keys.count == 6)
  }

  @Test func `an explanation names the file, the variable and what stands below`() {
    func explanation(_ parent: String, _ variable: String, _ file: String) -> BuildExplanation {
      let explanation = BuildExplanation()
      var copy = StepKey("copy", parent: parent)
      copy.add("/d", file)
      copy.files = [("d/one", file), ("d/two", "same")]
      explanation.note("stage-0", "COPY d /d", copy)
      var run = StepKey("run", parent: parent)
      run.add("env", [variable])
      run.environment = [variable]
      explanation.note("stage-0", "RUN make", run)
      return explanation
    }
    let before = BuildExplanation(text: explanation("p", "A=secret", "1").text)
    #expect(!explanation("p", "A=secret", "1").text.contains("secret"))
    let file = explanation("p", "A=secret", "2").reasons(since: before)
    #expect(file[0].contains("file d/one has changed") && !file[0].contains("two"), "\(file)")
    let variable = explanation("p", "A=other", "1").reasons(since: before)
    #expect(variable[1].contains("variable A has changed"), "\(variable)")
    let parent = explanation("q", "A=secret", "1").reasons(since: before)
    #expect(parent[1].contains("what it stands on has changed"), "\(parent)")
  }
}
