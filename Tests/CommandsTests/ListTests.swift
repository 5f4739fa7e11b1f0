import Basics
import ContainerEngine
import Glibc
import Storage
import Testing

@testable import Commands

private let now = Timestamp(seconds: 1_800_000_000)

private func container(
  _ name: String, _ id: Character, _ state: ContainerSummary.State, age: Int64, labels: [(String, String)] = [],
  image: String = "busybox", layers: [String] = ["L1"]
) -> ContainerSummary {
  ContainerSummary(
    id: String(repeating: id, count: 64), name: name, image: image,
    imageID: "sha256:" + String(repeating: "9", count: 64),
    layers: layers, command: ["sh", "-c", "echo a long command line here"],
    created: Timestamp(seconds: now.seconds - age),
    state: state, labels: labels, network: "none", mounts: [])
}

private let containers = [
  container(
    "web", "a", .running(since: Timestamp(seconds: now.seconds - 7200)), age: 7200, labels: [("app", "x"), ("b", "2")]),
  container(
    "db", "b", .exited(code: 3, at: Timestamp(seconds: now.seconds - 120)), age: 86_400, image: "pg:1",
    layers: ["L1", "L2"]),
  container("old", "c", .created, age: 864_000),
  container("held", "d", .paused(since: Timestamp(seconds: now.seconds - 61)), age: 900_000),
  container("gone", "e", .lost, age: 900_001),
]

@Suite struct ContainerListTests {
  private func names(_ filters: [String]) throws -> String {
    var options = FilterOptions()
    let words = filters.flatMap { ["--filter", $0] }
    _ = try ArgumentParser.parse(
      words[...], flags: [FilterOptions.flag(short: "f")], interspersed: true, into: &options)
    let filter = try ContainerFilter(options, among: containers) { name in
      name == "busybox"
        ? ("sha256:" + String(repeating: "8", count: 64), ["L1"]) : name == "pg" ? ("x", ["L1", "L2"]) : nil
    }
    return containers.filter(filter.accepts).map(\.name).joined(separator: " ")
  }

  @Test(arguments: [
    ([], "web db old held gone"), (["name=web"], "web"), (["name=^.e"], "web held"), (["name=/db"], "db"),
    (["name=b"], "web db"), (["name=^db$", "name=old"], "db old"), (["id=aaaa"], "web"), (["label=app"], "web"),
    (["label=app=x"], "web"), (["label=app=y"], ""), (["label=app", "label=b=2"], "web"),
    (["status=running"], "web"), (["status=exited"], "db gone"), (["status=paused", "status=created"], "old held"),
    (["exited=3"], "db"), (["exited=0"], ""), (["before=web"], "db old held gone"), (["since=old"], "web db"),
    (["since=ccc"], "web db"), (["ancestor=busybox"], "web db old held gone"), (["ancestor=pg"], "db"),
    (["ancestor=none"], ""), (["network=none"], "web db old held gone"), (["network=x"], ""),
    (["health=none"], "web db old held gone"),
    (["health=healthy"], ""), (["is-task=true"], ""), (["publish=80"], ""), (["volume=/x"], ""),
    ([" Name = web"], "web"),
    (["name=("], ""),
  ])
  func `filters choose as docker's`(_ filters: [String], _ chosen: String) throws {
    #expect(try names(filters) == chosen)
  }

  @Test(arguments: [
    ("foo=bar", "invalid filter 'foo'"), ("status=foo", "invalid filter 'status=foo'"),
    ("exited=x", "invalid filter 'exited=x'"), ("health=x", "invalid filter 'health=x'"),
    ("before=nosuch", "No such container: nosuch"),
  ])
  func `a filter that cannot be is refused`(_ filter: String, _ reason: String) {
    let error = #expect(throws: EngineError.self) { try names([filter]) }
    #expect(error?.reason == reason)
  }

  @Test func `a filter needs a value`() {
    #expect(throws: ArgumentError.self) { try names(["foo"]) }
  }

  private func printed(_ format: String?, truncates: Bool = true) throws -> String {
    let output = Output.collecting()
    try ContainerRow.printer(
      columns: ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"], truncates: truncates, now: now
    ).print(containers, as: ListFormat(format), to: output)
    return output.collected
  }

  @Test func `the table has docker's columns and wording`() throws {
    #expect(
      try printed(nil) == """
        CONTAINER ID   IMAGE     COMMAND                  CREATED        STATUS                       PORTS     NAMES
        aaaaaaaaaaaa   busybox   "sh -c 'echo a long …"   2 hours ago    Up 2 hours                             web
        bbbbbbbbbbbb   pg:1      "sh -c 'echo a long …"   24 hours ago   Exited (3) 2 minutes ago               db
        cccccccccccc   busybox   "sh -c 'echo a long …"   10 days ago    Created                                old
        dddddddddddd   busybox   "sh -c 'echo a long …"   10 days ago    Up About a minute (Paused)             held
        eeeeeeeeeeee   busybox   "sh -c 'echo a long …"   10 days ago    Exited (unknown)                       gone

        """)
  }

  @Test func `templates see docker's fields`() throws {
    setenv("TZ", "UTC", 1)
    #expect(try printed("{{.Names}}:{{.State}}:{{.Label \"app\"}}").hasPrefix("web:running:x\ndb:exited:\n"))
    #expect(
      try printed("table {{.Names}}\\t{{.Labels}}\\t{{.LocalVolumes}}").hasPrefix(
        "NAMES     LABELS      LOCAL VOLUMES\nweb       app=x,b=2   0\n"))
    let first = try JSON(parsing: String(printed("json").split(separator: "\n")[0]))
    #expect(first["CreatedAt"]?.stringValue == "2027-01-15 06:00:00 +0000 UTC")
    #expect(first["Command"]?.stringValue == "\"sh -c 'echo a long …\"")
  }
}

@Suite struct ImageListTests {
  private let images = [
    ImageSummary(
      id: "sha256:" + String(repeating: "a", count: 64), digest: "sha256:" + String(repeating: "e", count: 64),
      tags: ["busybox:latest", "reg.example:5000/team/app:v1"], created: Timestamp(seconds: now.seconds - 3_000_000),
      size: 4_261_550, labels: ["a": "1"]),
    ImageSummary(
      id: "sha256:" + String(repeating: "b", count: 64), digest: "sha256:" + String(repeating: "f", count: 64),
      tags: [],
      created: Timestamp(seconds: now.seconds - 60), size: 999_949_999, labels: [:]),
  ]

  private func ids(_ filters: [(String, String)]) throws -> String {
    var options = FilterOptions()
    options.filters = filters.map { .init(key: $0.0, value: $0.1) }
    let filter = try ImageFilter(options, among: images, now: now)
    return images.filter(filter.accepts).map { String(ListText.shortID($0.id).prefix(1)) }.joined()
  }

  @Test(
    arguments: [
      ([("dangling", "true")], "b"), ([("dangling", "false")], "a"), ([("label", "a=1")], "a"),
      ([("label!", "a")], "b"),
      ([("reference", "busybox")], "a"), ([("reference", "busybox:la*")], "a"), ([("reference", "nosuch")], ""),
      ([("reference", "reg.example:5000/*/app")], "a"), ([("reference", "*")], "a"), ([("before", "bbbb")], "a"),
      ([("since", "busybox")], "b"), ([("until", "1h")], "a"),
    ] as [([(String, String)], String)])
  func `filters choose as docker's`(_ filters: [(String, String)], _ chosen: String) throws {
    #expect(try ids(filters) == chosen)
  }

  @Test(arguments: [("foo", "x"), ("dangling", "maybe"), ("until", "x"), ("before", "nosuch")])
  func `a filter that cannot be is refused`(_ key: String, _ value: String) {
    #expect(throws: EngineError.self) { try ids([(key, value)]) }
  }

  @Test func `the table has docker's columns and wording`() throws {
    let filter = try ImageFilter(FilterOptions(), among: images)
    let output = Output.collecting()
    try ImageRow.printer(
      columns: ["Repository", "Tag", "ID", "CreatedSince", "Size"], truncates: true, digests: false, now: now
    )
    .print(images.flatMap { ImageRow.rows(of: $0, filter) }, as: .table, to: output)
    #expect(
      output.collected == """
        REPOSITORY                  TAG       IMAGE ID       CREATED              SIZE
        busybox                     latest    aaaaaaaaaaaa   4 weeks ago          4.26MB
        reg.example:5000/team/app   v1        aaaaaaaaaaaa   4 weeks ago          4.26MB
        <none>                      <none>    bbbbbbbbbbbb   About a minute ago   1GB

        """)
  }
}

@Suite struct TimeSyntaxTests {
  @Test(arguments: [
    ("10m", 1_799_999_400_000_000_000), ("1h30m", 1_799_994_600_000_000_000), ("0", 0),
    ("1136073600", 1_136_073_600_000_000_000),
    ("1136073600.5", 1_136_073_600_500_000_000), ("1136073600.000000001", 1_136_073_600_000_000_001),
    ("2013-01-02T13:23:37Z", 1_357_133_017_000_000_000), ("2013-01-02T13:23:37.5+01:00", 1_357_129_417_500_000_000),
    ("2013-01-02", 1_357_084_800_000_000_000), ("2013-01-02T13", 1_357_131_600_000_000_000),
    ("2013-01-02T13:23", 1_357_132_980_000_000_000), ("2013-01-02T13:23:37", 1_357_133_017_000_000_000),
    ("2013-01-02Z", 1_357_084_800_000_000_000),
  ])
  func `a moment is read as docker reads it`(_ text: String, _ nanoseconds: Int64) throws {
    setenv("TZ", "UTC", 1)
    #expect(try TimeSyntax.moment(text, now: now).nanoseconds == nanoseconds)
  }

  @Test(arguments: ["", "x", "2013-13-01", "yesterday", "1.x", "--5m"])
  func `what is no moment is refused`(_ text: String) {
    #expect(throws: FlagValueError.self) { try TimeSyntax.moment(text, now: now) }
  }
}
