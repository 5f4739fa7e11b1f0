import OCI
import Testing

@testable import Dockerfile

/// One line of an expansion, seen through WORKDIR, which takes one word: nil when it is refused.
private func expanded(_ word: String, _ environment: [String], escape: String = "") -> String? {
  let text = (escape.isEmpty ? "" : "# escape=\(escape)\n") + "FROM scratch\nWORKDIR \(word)\n"
  // A refusal is a result here.
  guard let file = try? ParsedDockerfile(parsing: Array(text.utf8)) else { return nil }
  var scope = StageScope(
    environment: environment, arguments: BuildArguments(), escape: file.directives.escape)
  guard let result = try? scope.expand(file.stages[0].instructions[0]), case .workdir(let workdir) = result.instruction
  else { return nil }
  return workdir.path
}

@Suite struct ExpansionTests {
  static let environment = ["PWD=/home", "SHELL=bash", "NULL=", "KOREAN=한국어"]

  @Test(arguments: [
    ("hello", "hello"), ("he'll'o", "hello"), (#"he\'llo"#, "he'llo"), (#"abc\tdef"#, "abctdef"),
    (#""abc\tdef""#, #"abc\tdef"#), (#""abc\\tdef""#, #"abc\tdef"#), (#"'abc\tdef'"#, #"abc\tdef"#),
    (#"hello\\x"#, #"hello\x"#), (#""hel'lo""#, "hel'lo"), (#"'hello\'"#, #"hello\"#), ("$.", "$."), ("he$1x", "hex"),
    ("he$PWD", "he/home"), (#"he\$PWD"#, "he$PWD"), (#"he\\$PWD"#, #"he\/home"#), (#""he\$PWD""#, "he$PWD"),
    (#"\${}"#, "${}"), ("he${hi}xx", "hexx"), ("he${PWD}", "he/home"), ("'$PWD'", "$PWD"),
    (#""he'$PWD'""#, "he'/home'"),
    ("안녕$KOREAN", "안녕한국어"), ("${aaa}}", "}"), ("$@x", "x"), ("${999:-b}a", "ba"), ("a$$b", "ab"),
  ])
  func `quotes, escapes and plain variables are a shell's`(word: String, value: String) {
    #expect(expanded(word, Self.environment) == value)
  }

  @Test(arguments: [
    ("${UNSET:-000}", "000"), ("${PWD:-000}", "/home"), ("${NULL:-0}", "0"), ("x${NULL-0}", "x"), ("${UNSET-0}", "0"),
    ("x${UNSET:+0}", "x"), ("${PWD:+0}", "0"), ("x${NULL:+0}", "x"), ("${NULL+0}", "0"), ("${PWD?}", "/home"),
    ("x${NULL?}", "x"), ("${PWD:?}", "/home"), ("${UNSET:-$PWD}", "/home"), ("${UNSET:-${PWD:-y}}", "/home"),
    ("${UNSET:-${YYY:-yyy}}", "yyy"), ("x${PWD:+${UNSET}}", "x"), ("${PWD:+${PWD}:}", "/home:"),
    (#"${UNSET:-\$PWD:}"#, "$PWD:"), (#"${UNSET:-\${PWD}z}"#, "${PWDz}"), ("${aaa:-bbb {foo}", "bbb {foo"),
    ("${UNSET:-'a b'}", "a b"), (#"${UNSET:-"a b"}"#, "a b"),
  ])
  func `substitutions take the other word`(word: String, value: String) {
    #expect(expanded(word, Self.environment) == value)
  }

  @Test(arguments: [
    ("FOO=xxyy", "${FOO#*x}", "xyy"), ("FOO=xxyy", "${FOO##*x}", "yy"), ("FOO=xxyy", "${FOO%y*}", "xxy"),
    ("FOO=xxyy", "${FOO%%y*}", "xx"), ("FOO=xxyy", "${FOO#*}", "xxyy"), ("FOO=xxyy", "${FOO#}", "xxyy"),
    ("FOO=xxyy", "${FOO#?}", "xyy"), ("FOO=???y", #"${FOO#?\?}"#, "?y"), ("FOO=xx**", #"${FOO%%\**}"#, "xx"),
    ("FOO=a***yy*", #"${FOO%%\**\*}"#, "a"), ("FOO=xxyy", "${FOO#*x*y}", "y"), ("FOO=xxyy", "${FOO%x}", "xxyy"),
    ("FOO=()[]{}^$.*?|\\x", #"${FOO#()[]{\}^$.\*\?|\\}"#, "x"), ("FOO=v1.2.3", "${FOO#v}", "1.2.3"),
    ("FOO=/tmp/foo.txt", #"${FOO//\//\/}"#, #"\/tmp\/foo.txt"#), ("FOO=http://a.b", "${FOO/http:/x}", "x//a.b"),
    ("FOO=/a/foo/b/c.txt", "${FOO//o/0}", "/a/f00/b/c.txt"), ("FOO=xxyy", "${FOO/x*/z}", "z"),
    ("FOO=xxyy", "${FOO//?/z}", "zzzz"), ("FOO=a.b.c", "${FOO//./}", "abc"), ("FOO=xxyy", "${FOO/q/z}", "xxyy"),
    ("FOO=äöü", "${FOO#?}", "öü"), ("FOO=äöü", "${FOO%?}", "äö"),
  ])
  func `patterns cut and replace`(variable: String, word: String, value: String) {
    #expect(expanded(word, [variable]) == value)
  }

  @Test(arguments: [
    ("FOO=/foo*/*/*.txt", #"NEEDLE=\*/"#, "${FOO/$NEEDLE/.}:${FOO//$NEEDLE/.}", "/foo.*/*.txt:/foo..*.txt"),
    ("FOO=/tmp/tmp/bar", "NEEDLE=/tmp", "${FOO/$NEEDLE/}:${FOO//$NEEDLE/}", "/tmp/bar:/bar"),
    ("FOO=xxyy", "NEEDLE=x", "${FOO#$NEEDLE}", "xyy"),
  ])
  func `patterns may be variables`(first: String, second: String, word: String, value: String) {
    #expect(expanded(word, [first, second]) == value)
  }

  @Test(arguments: [
    "he'llo", #"he\\'llo"#, "\"hello", #""hello\""#, "'hello", "${}", "${}a", "he${.}", "${UNSET:YYY}", "${UNSET?}",
    "${UNSET:?}", "${NULL:?}", "he${PWD", "${PWD:=000}", "${{aaa}", "${aaa", "${aaa:-bbb", "${aaa:-bbb ${foo}", "${:}",
    "${:-bbb}", "${FOO=a}", "${FOO:#}", "${FOO:%%}", "${PWD//ww}", "${PWD//}", #"${PWD#\a}"#,
  ])
  func `what no shell understands is an error`(word: String) {
    #expect(expanded(word, Self.environment) == nil)
  }

  @Test func `the message of a missing variable is the author's`() throws {
    let file = try parsed("FROM scratch\n\nWORKDIR ${DIR:?set DIR to a directory}\n")
    var scope = StageScope(environment: [], arguments: BuildArguments(), escape: "\\")
    #expect(throws: BuildDiagnostic("DIR: set DIR to a directory", at: SourceRange(3), word: "${DIR")) {
      try scope.expand(file.stages[0].instructions[0])
    }
  }

  @Test func `the escape directive changes the escape character`() {
    #expect(expanded("C:\\dir\\`$x", ["x=y"], escape: "`") == "C:\\dir\\$x")
  }

  @Test func `growth, depth and patterns have limits`() {
    let long = String(repeating: "x", count: 60_000)
    #expect(expanded(String(repeating: "$v", count: 20), ["v=" + long]) == nil)
    let deep = String(repeating: "${a:-", count: 100) + "x" + String(repeating: "}", count: 100)
    #expect(expanded(deep, []) == nil)
    #expect(expanded("${v//*a*a*a*a*b/}", ["v=" + String(repeating: "a", count: 30_000)]) == nil)
  }

  @Test(arguments: [
    ("$one", ["80/tcp"]), ("$two", ["80/tcp", "81/udp"]), ("8$one", ["880/tcp"]),
    ("${none}90 $two", ["80/tcp", "81/udp", "90/tcp"]),
  ])
  func `words split where a variable has blanks`(words: String, ports: [String]) throws {
    let file = try parsed("FROM scratch\nEXPOSE \(words)\n")
    var scope = StageScope(environment: ["one=80", "two=80  81/udp"], arguments: BuildArguments(), escape: "\\")
    guard case .expose(let expose) = try scope.expand(file.stages[0].instructions[0]).instruction else {
      Issue.record("no EXPOSE")
      return
    }
    #expect(expose.ports.map(\.description).sorted() == ports)
  }

  @Test func `every word of an instruction sees the variables from before it`() throws {
    let file = try parsed("FROM scratch\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc\n")
    var scope = StageScope(environment: [], arguments: BuildArguments(), escape: "\\")
    for node in file.stages[0].instructions { _ = try scope.expand(node) }
    #expect(scope.environment.entries == ["abc=bye", "def=hello", "ghi=bye"])
  }
}
