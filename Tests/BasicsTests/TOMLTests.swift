import Testing

@testable import Basics

/// TOML 1.0.0; the cases are those of the specification's own text and of the toml-test collection's kinds.
@Suite struct TOMLTests {
  @Test(arguments: [
    ("", "{}"),
    ("# only a comment", "{}"),
    ("\u{FEFF}a = 1", #"{"a":1}"#),
    ("a = 1\r\nb = 2\r\n", #"{"a":1,"b":2}"#),
    ("a.b.c = 1\na.b.d = 2", #"{"a":{"b":{"c":1,"d":2}}}"#),
    ("\"a b\" = 1\n'c.d' = 2\n\"\" = 3", #"{"a b":1,"c.d":2,"":3}"#),
    ("3.14 = 1", #"{"3":{"14":1}}"#),
    ("a . b = 1 # why", #"{"a":{"b":1}}"#),
    ("[a]\nx = 1\n[a.b]\ny = 2", #"{"a":{"x":1,"b":{"y":2}}}"#),
    ("[a.b]\ny = 2\n[a]\nx = 1", #"{"a":{"b":{"y":2},"x":1}}"#),
    ("[[r]]\nn = 1\n[[r.m]]\nk = 1\n[[r.m]]\nk = 2\n[[r]]\nn = 2", #"{"r":[{"n":1,"m":[{"k":1},{"k":2}]},{"n":2}]}"#),
    ("[f]\na.c = 1\n[f.a.t]\nx = 1", #"{"f":{"a":{"c":1,"t":{"x":1}}}}"#),
    ("a = [1, [2, 'x'],\n  # why\n  {b = 3},\n]", #"{"a":[1,[2,"x"],{"b":3}]}"#),
    ("a = { b = 1, c.d = [ ] }", #"{"a":{"b":1,"c":{"d":[]}}}"#),
    ("a = {}", #"{"a":{}}"#),
    (#"a = "x\ty\"\\\u00E9\U0001F600""#, #"{"a":"x\ty\"\\é😀"}"#),
    (#"a = 'C:\x'"#, #"{"a":"C:\\x"}"#),
    ("a = \"\"\"\none\ntwo \\\n   three\"\"\"", #"{"a":"one\ntwo three"}"#),
    ("a = \"\"\"x\"\"\"\"\"", #"{"a":"x\"\""}"#),
    ("a = '''\nx\\'y'''", #"{"a":"x\\'y"}"#),
    ("a = 1_000\nb = -7\nc = +5\nd = 0", #"{"a":1000,"b":-7,"c":5,"d":0}"#),
    ("a = 0xDead_beef\nb = 0o755\nc = 0b11", #"{"a":3735928559,"b":493,"c":3}"#),
    ("a = 1.5\nb = -0.25\nc = 5e2\nd = 1_0.0_1E-2", #"{"a":1.5,"b":-0.25,"c":500,"d":0.1001}"#),
    ("a = true\nb = false", #"{"a":true,"b":false}"#),
    (
      "a = 1979-05-27T07:32:00Z\nb = 1979-05-27 07:32:00.5\nc = 1979-05-27\nd = 07:32:00",
      #"{"a":"1979-05-27T07:32:00Z","b":"1979-05-27 07:32:00.5","c":"1979-05-27","d":"07:32:00"}"#
    ),
    ("a = 1979-05-27T00:32:00-07:00", #"{"a":"1979-05-27T00:32:00-07:00"}"#),
    ("a = -9223372036854775808", #"{"a":-9223372036854775808}"#),
  ])
  func `a document is read as the specification says`(_ text: String, _ json: String) throws {
    #expect(try JSON(parsingTOML: Array(text.utf8)).text() == json)
  }

  @Test func `infinity and not-a-number are numbers`() throws {
    let json = try JSON(parsingTOML: Array("a = inf\nb = -inf\nc = nan".utf8))
    #expect(json["a"]?.doubleValue == .infinity)
    #expect(json["b"]?.doubleValue == -.infinity)
    #expect(json["c"]?.doubleValue?.isNaN == true)
  }

  @Test(arguments: [
    ("a", 1, "no = after a key"), ("a =", 1, "value is missing"), ("= 1", 1, "key is missing"),
    ("a = 1\na = 2", 2, "defined twice"), ("[a]\n[a]", 2, "defined twice"), ("a = 1\n[a]", 2, "defined twice"),
    ("a = 1 b = 2", 1, "text after the end"), ("[a] x = 1", 1, "text after the end"),
    ("a.b = 1\na.b.c = 2", 2, "cannot be extended"), ("a = {b = 1}\na.c = 2", 2, "cannot be extended"),
    ("a = {b = 1}\n[a.c]", 2, "is a value"), ("[f]\na.c = 1\n[f.a]", 3, "defined twice"),
    ("[a.b.c]\nz = 9\n[a]\nb.c.t = 1", 4, "cannot be extended"),
    ("a = [1]\n[[a]]", 2, "defined twice"), ("[[a]]\n[a]", 2, "defined twice"), ("[a]\n[[a]]", 2, "defined twice"),
    ("a = {b = 1,}", 1, "key is missing"), ("a = {b = 1\n}", 1, "not closed on its line"),
    ("a = {b = 1, b = 2}", 1, "defined twice"), ("a = [1 2]", 1, "array is not closed"), ("a = [1", 1, "not closed"),
    ("a = \"x", 1, "string is not closed"), ("a = \"x\ny\"", 1, "control character in a string"),
    ("a = 'x\ny'", 1, "control character in a string"), ("a = \"\u{7F}\"", 1, "control character in a string"),
    ("# \u{1}", 1, "control character in a comment"), ("a = 1 \r", 1, "text after the end"),
    (#"a = "\x""#, 1, "unknown escape"), (#"a = "\uD800""#, 1, "no Unicode character"),
    (#"a = "\u12""#, 1, "unknown escape"),
    ("a = 01", 1, "is no value"), ("a = 1__0", 1, "is no value"), ("a = _1", 1, "is no value"),
    ("a = 1_", 1, "is no value"),
    ("a = +0x1", 1, "is no value"), ("a = 0xG", 1, "is no value"), ("a = 1.", 1, "is no value"),
    ("a = .5", 1, "is no value"),
    ("a = 1e", 1, "is no value"), ("a = 9223372036854775808", 1, "is no value"), ("a = True", 1, "is no value"),
    ("a = 1979-02-29", 1, "is no value"), ("a = 25:00:00", 1, "is no value"), ("a = 1979-05-27T", 1, "is no value"),
    ("[]", 1, "key is missing"), ("[a", 1, "not closed"), ("[[a]", 1, "not closed"), ("[ [a] ]", 1, "key is missing"),
    ("[a..b]", 1, "key is missing"), ("a\n= 1", 1, "no = after a key"), ("\"\"\"a\"\"\" = 1", 1, "no = after a key"),
    ("é = 1", 1, "key is missing"), ("[[a.b]]\n[a]\nb = 1", 3, "defined twice"),
  ])
  func `a document that is no TOML is refused with its line`(_ text: String, _ line: Int, _ reason: String) {
    let error = #expect(throws: TOMLSyntaxError.self) { try JSON(parsingTOML: Array(text.utf8)) }
    #expect(error?.line == line)
    #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
  }

  @Test func `bytes that are no UTF-8 are refused`() {
    #expect(throws: TOMLSyntaxError.self) { try JSON(parsingTOML: Array("a = \"".utf8) + [0xFF] + Array("\"".utf8)) }
  }

  @Test(arguments: [
    "a = " + String(repeating: "[", count: 100_000), String(repeating: "a.", count: 100_000) + "b = 1",
    "[" + String(repeating: "a.", count: 100_000) + "b]",
    String(repeating: "a={", count: 100_000),
  ])
  func `deep nesting is refused`(_ text: String) {
    let error = #expect(throws: TOMLSyntaxError.self) { try JSON(parsingTOML: Array(text.utf8)) }
    #expect(error?.reason.contains("levels") == true)
  }
}
