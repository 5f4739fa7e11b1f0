import Basics
import Commands
import Testing

/// What the test's flags write.
private struct Seen: CommandOptions, Equatable {
  var words: [String] = []
  mutating func note(_ name: String, _ value: String) { words.append("\(name)=\(value)") }
}

/// The shapes of docker's `run` flags.
private var flags: [Flag<Seen>] {
  [
    .toggle("interactive", "i", "") { $0.note("i", "\($1)") },
    .toggle("tty", "t", "") { $0.note("t", "\($1)") },
    .toggle("detach", "d", "") { $0.note("d", "\($1)") },
    .toggle("rm", nil, "") { $0.note("rm", "\($1)") },
    .list("env", "e", "list", "") { $0.note("e", $1) },
    .list("publish", "p", "list", "") { $0.note("p", $1) },
    .list("volume", "v", "list", "") { $0.note("v", $1) },
    .text("name", nil, "string", "") { $0.note("name", $1) },
    .text("entrypoint", nil, "string", "") { $0.note("entrypoint", $1) },
    .text("hostname", "h", "string", "") { $0.note("h", $1) },
    .text("network", nil, "string", "") { $0.note("network", $1) }.alsoNamed("net"),
    .bytes("memory", "m", "") { $0.note("m", "\($1)") },
    .text("memory-swap", nil, "bytes", "") { $0.note("swap", $1) },
    .integer("stop-timeout", nil, "int", "") { $0.note("timeout", "\($1)") },
    .integer("cpu-shares", "c", "int", "") { $0.note("c", "\($1)") },
    .unsigned("blkio-weight", nil, "uint16", "") { $0.note("blkio", "\($1)") },
    .duration("health-interval", nil, "") { $0.note("interval", "\($1)") },
    .toggle("old", nil, "") { $0.note("old", "\($1)") }.deprecated("use --new"),
    .refused("link", nil, "list", because: "links come later"),
    .refused("publish-all", "P", because: "ports come later"),
  ]
}

private func parse(_ words: [String], interspersed: Bool = false) throws -> (Seen, ParsedArguments) {
  var seen = Seen()
  let parsed = try ArgumentParser.parse(words[...], flags: flags, interspersed: interspersed, into: &seen)
  return (seen, parsed)
}

@Suite struct ArgumentParserTests {
  /// The line typed, what the flags saw, the operands; docker 28 was asked for each.
  @Test(arguments: [
    ("-it img", "i=true t=true", "img"),
    ("-itd img sh", "i=true t=true d=true", "img sh"),
    ("-it=true img", "i=true t=true", "img"),
    ("-it=false img", "i=true t=false", "img"),
    ("-p8080:80 img", "p=8080:80", "img"),
    ("-p 8080:80 img", "p=8080:80", "img"),
    ("-p=8080:80 img", "p=8080:80", "img"),
    ("-eX=1 img", "e=X=1", "img"),
    ("-e=X=1 img", "e=X=1", "img"),
    ("-e X=1 img", "e=X=1", "img"),
    ("-e= img", "e==", "img"),
    ("-ite A=1 img", "i=true t=true e=A=1", "img"),
    ("-itv a:b img", "i=true t=true v=a:b", "img"),
    ("-itva:b img", "i=true t=true v=a:b", "img"),
    ("--name=x img", "name=x", "img"),
    ("--name x img", "name=x", "img"),
    ("--name=x=y img", "name=x=y", "img"),
    ("--name= img", "name=", "img"),
    ("--entrypoint= img", "entrypoint=", "img"),
    ("--rm=false img", "rm=false", "img"),
    ("--rm=0 img", "rm=false", "img"),
    ("--rm=T img", "rm=true", "img"),
    ("--rm false img", "rm=true", "false img"),
    ("--memory-swap -1 img", "swap=-1", "img"),
    ("--memory-swap=-1 img", "swap=-1", "img"),
    ("--stop-timeout -1 img", "timeout=-1", "img"),
    ("--stop-timeout 0x10 img", "timeout=16", "img"),
    ("--name -it img", "name=-it", "img"),
    ("-e -- img", "e=--", "img"),
    ("-m 64m img", "m=67108864", "img"),
    ("-m1.5g img", "m=1610612736", "img"),
    ("--net host img", "network=host", "img"),
    ("--health-interval 1m30s img", "interval=90000000000", "img"),
    ("-h box img", "h=box", "img"),
    ("img -it --rm", "", "img -it --rm"),
    ("img --help", "", "img --help"),
    ("-i img -- sh", "i=true", "img -- sh"),
    ("-- -it img", "", "-it img"),
    ("-i -- img -t", "i=true", "img -t"),
    ("- -t", "", "- -t"),
    ("-e A=1 -e B=2 -e A=3 img", "e=A=1 e=B=2 e=A=3", "img"),
    ("--publish-all=false img", "", "img"),
    ("", "", ""),
  ])
  func `a command line is read as docker reads it`(_ line: String, _ flags: String, _ operands: String) throws {
    let (seen, parsed) = try parse(line.split(separator: " ").map(String.init))
    #expect(seen.words.joined(separator: " ") == flags)
    #expect(parsed.operands.joined(separator: " ") == operands)
    #expect(!parsed.helpRequested)
  }

  @Test(arguments: [
    ("a -i b -t", "i=true t=true", "a b"),
    ("a --name x b", "name=x", "a b"),
    ("a -- -i", "", "a -i"),
    ("- a -i", "i=true", "- a"),
  ])
  func `flags may stand between operands where docker lets them`(
    _ line: String, _ flags: String, _ operands: String
  ) throws {
    let (seen, parsed) = try parse(line.split(separator: " ").map(String.init), interspersed: true)
    #expect(seen.words.joined(separator: " ") == flags)
    #expect(parsed.operands.joined(separator: " ") == operands)
  }

  /// The messages of docker 28.2.2.
  @Test(arguments: [
    ("--nosuch x", "unknown flag: --nosuch"),
    ("--nosuch=1 x", "unknown flag: --nosuch"),
    ("-Z x", "unknown shorthand flag: 'Z' in -Z"),
    ("-itZq x", "unknown shorthand flag: 'Z' in -Zq"),
    ("--name", "flag needs an argument: --name"),
    ("-e", "flag needs an argument: 'e' in -e"),
    ("-it -p", "flag needs an argument: 'p' in -p"),
    ("-itp", "flag needs an argument: 'p' in -p"),
    (
      "--rm=maybe x",
      "invalid argument \"maybe\" for \"--rm\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax"
    ),
    (
      "-i=maybe x",
      "invalid argument \"maybe\" for \"-i, --interactive\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax"
    ),
    ("--memory=abc x", "invalid argument \"abc\" for \"-m, --memory\" flag: invalid size: 'abc'"),
    ("--memory=1q x", "invalid argument \"1q\" for \"-m, --memory\" flag: invalid suffix: 'q'"),
    (
      "--cpu-shares=abc x",
      "invalid argument \"abc\" for \"-c, --cpu-shares\" flag: strconv.ParseInt: parsing \"abc\": invalid syntax"
    ),
    (
      "--stop-timeout 9223372036854775808 x",
      "invalid argument \"9223372036854775808\" for \"--stop-timeout\" flag: strconv.ParseInt: parsing "
        + "\"9223372036854775808\": value out of range"
    ),
    (
      "--blkio-weight -1 x",
      "invalid argument \"-1\" for \"--blkio-weight\" flag: strconv.ParseUint: parsing \"-1\": invalid syntax"
    ),
    (
      "--health-interval=abc x",
      "invalid argument \"abc\" for \"--health-interval\" flag: time: invalid duration \"abc\""
    ),
    (
      "--health-interval=5 x",
      "invalid argument \"5\" for \"--health-interval\" flag: time: missing unit in duration \"5\""
    ),
    (
      "--health-interval=5x x",
      "invalid argument \"5x\" for \"--health-interval\" flag: time: unknown unit \"x\" in duration \"5x\""
    ),
    ("--=x x", "bad flag syntax: --=x"),
    ("---x y", "bad flag syntax: ---x"),
  ])
  func `what does not fit is refused in docker's words`(_ line: String, _ message: String) {
    let error = #expect(throws: ArgumentError.self) { try parse(line.split(separator: " ").map(String.init)) }
    #expect(error?.message == message)
  }

  @Test(arguments: [("--nam x", "did you mean --name?"), ("--memroy x", "did you mean --memory?"), ("--zzz x", nil)])
  func `a near miss gets a suggestion`(_ line: String, _ hint: String?) {
    let error = #expect(throws: ArgumentError.self) { try parse(line.split(separator: " ").map(String.init)) }
    #expect(error?.hint == hint)
  }

  @Test(arguments: ["--help", "-i --help --nosuch", "--name x --help"])
  func `help is asked for before the image`(_ line: String) throws {
    #expect(try parse(line.split(separator: " ").map(String.init)).1.helpRequested)
  }

  @Test func `a refused flag says why`() {
    let error = #expect(throws: EngineError.self) { try parse(["--link", "a:b", "img"]) }
    #expect(error == EngineError(.unsupported, "--link", "links come later"))
    #expect(throws: EngineError.self) { try parse(["-P", "img"]) }
  }

  @Test func `a deprecated flag works and gives its advice`() throws {
    let (seen, parsed) = try parse(["--old", "img"])
    #expect(seen.words == ["old=true"])
    #expect(parsed.notes == ["Flag --old has been deprecated, use --new"])
  }

  @Test func `control characters of a bad flag are shown escaped`() {
    let error = #expect(throws: ArgumentError.self) { try parse(["--no\u{1b}[31m"]) }
    #expect(error?.message == "unknown flag: --no\\x1b[31m")
  }
}
