import Basics
import Glibc
import Runtime
import TestSupport
import Testing

@Suite struct MonitorLogTests {
  @Test func `lines are docker's json-file lines`() throws {
    let fixture = try MonitorFixture()
    _ = try fixture.run("run", [], ["printf", "a<&>\"\\\\\\t\\033[1m\\r\\nné\\n\\0"])
    let lines = try fixture.log.split(separator: "\n")
    try #require(lines.count == 3)
    #expect(lines[0].hasPrefix(#"{"log":"a\u003c\u0026\u003e\"\\\t\u001b[1m\r\n","stream":"stdout","time":"20"#))
    #expect(lines[1].hasPrefix(#"{"log":"né\n","stream":"stdout","time":"20"#))
    #expect(lines[2].hasPrefix(#"{"log":"\u0000","stream":"stdout","time":"20"#))
    for line in lines {
      let json = try JSON(parsing: String(line))
      #expect(Timestamp(rfc3339: json["time"]?.stringValue ?? "") != nil)
    }
  }

  @Test func `a line that is not UTF-8 keeps its bytes`() throws {
    let fixture = try MonitorFixture()
    _ = try fixture.run("run", [], ["printf", "\\377x\\n"])
    #expect(try fixture.log.hasPrefix("{\"log\":\"\u{FFFD}x\\n\",\"raw\":\"/3gK\",\"stream\":\"stdout\""))
    #expect(try fixture.run("logs").stdout == [0xFF, 0x78, 0x0A])
  }

  @Test func `a line of more than 16 KiB is split as docker splits it`() throws {
    let fixture = try MonitorFixture()
    _ = try fixture.run("run", [], ["sh", "-c", "head -c 40000 /dev/zero | tr '\\0' x; echo"])
    let pieces = try fixture.log.split(separator: "\n").map { try JSON(parsing: String($0))["log"]?.stringValue ?? "" }
    #expect(pieces.map(\.utf8.count) == [16_384, 16_384, 7_233])
    #expect(pieces.map { $0.hasSuffix("\n") } == [false, false, true])
  }

  @Test func `a split never divides a character`() throws {
    let fixture = try MonitorFixture()
    let text = "x" + String(repeating: "é", count: 20_000) + "\n"
    _ = try fixture.run("run", ["stdin"], ["cat"], input: Array(text.utf8))
    #expect(try !fixture.log.contains("raw"))
    #expect(try fixture.run("logs").text == text)
  }

  @Test func `output that looks like log lines stays output`() throws {
    let fixture = try MonitorFixture()
    let forged = #"x","stream":"stderr","time":"2000-01-01T00:00:00Z"}"# + "\n" + #"{"log":"y\n"}"# + "\n"
    _ = try fixture.run("run", ["stdin"], ["cat"], input: Array(forged.utf8))
    let outcome = try fixture.run("logs")
    #expect(outcome.text == forged)
    #expect(outcome.errorText == "")
  }

  @Test func `stdout and stderr come back on their own descriptors`() throws {
    let fixture = try MonitorFixture()
    _ = try fixture.run("run", [], ["sh", "-c", "for i in 1 2 3; do echo o$i; echo e$i >&2; done"])
    let outcome = try fixture.run("logs")
    #expect(outcome.text == "o1\no2\no3\n")
    #expect(outcome.errorText == "e1\ne2\ne3\n")
  }

  @Test func `files rotate and stay bounded`() throws {
    let fixture = try MonitorFixture()
    _ = try fixture.run("run", ["max-size=10k", "max-file=3"], ["seq", "1", "2000"])
    let sizes = try ["", ".1", ".2"].map { try readBytes(fixture.directory + "/container.log\($0)").count }
    #expect(sizes.allSatisfy { $0 <= 10_000 && $0 > 0 })
    #expect(!exists(fixture.directory + "/container.log.3"))
    let lines = try fixture.run("logs").text.split(separator: "\n").compactMap { Int($0) }
    #expect(lines.last == 2000)
    #expect(lines == Array((lines.first ?? 0)...2000))
  }

  @Test func `one file alone rotates too`() throws {
    let fixture = try MonitorFixture()
    _ = try fixture.run("run", ["max-size=10k", "max-file=1"], ["seq", "1", "2000"])
    #expect(names(in: fixture.directory).filter { $0.hasPrefix("container.log") } == ["container.log"])
    #expect(try readBytes(fixture.directory + "/container.log").count <= 10_000)
  }

  @Test(arguments: [(0, ""), (1, "10\n"), (3, "8\n9\n10\n"), (10, nil), (99, nil)] as [(Int, String?)])
  func `tail counts from the end`(count: Int, wanted: String?) throws {
    let fixture = try MonitorFixture()
    let all = (1...10).map { "\($0)\n" }.joined()
    _ = try fixture.run("run", [], ["seq", "1", "10"])
    #expect(try fixture.run("logs", ["tail=\(count)"]).text == wanted ?? all)
  }

  @Test func `tail reaches into rotated files`() throws {
    let fixture = try MonitorFixture()
    _ = try fixture.run("run", ["max-size=1k", "max-file=5"], ["seq", "1", "100"])
    let wanted = (71...100).map { "\($0)\n" }.joined()
    #expect(try fixture.run("logs", ["tail=30"]).text == wanted)
  }

  @Test func `timestamps have nine digits and parts of a line have one`() throws {
    let fixture = try MonitorFixture()
    _ = try fixture.run("run", [], ["sh", "-c", "echo hi; head -c 20000 /dev/zero | tr '\\0' x; echo"])
    let lines = try fixture.run("logs", ["timestamps"]).text.split(separator: "\n")
    try #require(lines.count == 2)
    #expect(lines[0].count == 33 && lines[0].hasSuffix("Z hi"))
    #expect(lines[1].count == 31 + 20_000)
  }

  @Test func `since and until bound what is shown`() throws {
    let fixture = try MonitorFixture()
    let line = { (second: Int) in
      #"{"log":"\#(second)\n","stream":"stdout","time":"2026-01-01T00:00:0\#(second).5Z"}"# + "\n"
    }
    try write((1...5).map(line).joined(), to: fixture.directory + "/container.log")
    #expect(try fixture.run("logs", ["since=2026-01-01T00:00:03Z"]).text == "3\n4\n5\n")
    #expect(try fixture.run("logs", ["until=2026-01-01T00:00:03Z"]).text == "1\n2\n")
  }

  @Test func `a torn line is passed over and the next monitor begins a new one`() throws {
    let fixture = try MonitorFixture()
    try write(#"{"log":"torn"#, to: fixture.directory + "/container.log", mode: 0o600)
    _ = try fixture.run("run", [], ["echo", "whole"])
    #expect(try fixture.run("logs").text == "whole\n")
  }

  @Test func `docker's attributes are details`() throws {
    let fixture = try MonitorFixture()
    let line = #"{"log":"x\n","stream":"stdout","attrs":{"a":"1","b":"}\""},"time":"2026-01-01T00:00:00Z"}"# + "\n"
    try write(line, to: fixture.directory + "/container.log")
    #expect(try fixture.run("logs", ["details"]).text == "a=1,b=}\" x\n")
    #expect(try fixture.run("logs").text == "x\n")
  }

  @Test func `following goes over rotations and ends with the container`() throws {
    let fixture = try MonitorFixture()
    let script = "for i in $(seq 1 300); do echo $i; sleep 0.003; done"
    try #require(try fixture.run("start", ["max-size=2k", "max-file=20"], ["sh", "-c", script]).succeeded)
    let outcome = try fixture.run("logs", ["follow"])
    #expect(!outcome.timedOut)
    #expect(outcome.text == (1...300).map { "\($0)\n" }.joined())
  }

  @Test func `following ends when its reader goes`() throws {
    let fixture = try MonitorFixture()
    try #require(try fixture.run("start", [], ["sh", "-c", "echo x; exec sleep 60"]).succeeded)
    let follow = fixture.words("logs", ["follow"]).joined(separator: " ")
    let outcome = try fixture.run(["sh", "-c", "\(follow) | head -n 1"])
    #expect(outcome.text == "x\n")
    #expect(!outcome.timedOut)
    kill(try fixture.processes().program, SIGKILL)
    #expect(try fixture.hasExited())
  }

  @Test func `driver none keeps nothing`() throws {
    let fixture = try MonitorFixture()
    #expect(try fixture.run("run", ["log-driver=none"], ["echo", "x"]).text == "x\n")
    #expect(!exists(fixture.directory + "/container.log"))
  }

  @Test func `a full disk costs log lines, not the container`() throws {
    let fixture = try MonitorFixture()
    try makeDirectory(fixture.directory + "/container.log")
    #expect(try fixture.run("run", [], ["echo", "x"]).text == "x\n")
  }

  @Test(
    arguments: [
      ("syslog", [], "there is no log driver"), ("json-file", [("max-size", "ten")], "this is no size"),
      ("json-file", [("max-file", "0")], "from 1 to 100"),
      ("json-file", [("nonsense", "1")], "unknown log opt 'nonsense'"),
      ("none", [("max-size", "1m")], "has no options"),
    ] as [(String, [(String, String)], String)])
  func `wrong log options are named`(driver: String, options: [(String, String)], reason: String) {
    let error = #expect(throws: EngineError.self) { try LogConfiguration(driver: driver, options: options) }
    #expect(error?.reason.contains(reason) == true)
  }

  @Test func `log options are read`() throws {
    let configuration = try LogConfiguration(driver: "json-file", options: [("max-size", "10m"), ("max-file", "3")])
    #expect(configuration.maxSize == 10_000_000 && configuration.maxFiles == 3)
    #expect(try LogConfiguration(driver: "local", options: [("max-size", "-1")]).maxSize == -1)
  }
}
