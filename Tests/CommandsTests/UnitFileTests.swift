import Basics
import ContainerEngine
import Storage
import Testing

@testable import Commands

@Suite struct UnitFileTests {
  private func record(_ words: String) -> ContainerRecord {
    var settings = ContainerSettings()
    settings.creation = words.split(separator: " ").map(String.init)
    settings.environment = ["A=1 2"]
    return ContainerRecord(
      id: String(repeating: "ab", count: 32), name: "web", created: Timestamp(nanoseconds: 0), image: "busybox",
      settings: settings, command: ["sh"])
  }

  private func text(_ record: ContainerRecord, _ change: (inout UnitFile.Choices) -> Void = { _ in }) throws -> String {
    var choices = UnitFile.Choices()
    choices.hasHeader = false
    change(&choices)
    return try UnitFile(
      record: record, choices: choices, program: ["/usr/bin/dhow"], isRoot: false, root: "/home/a b/dhow"
    ).text(doing: "testing")
  }

  @Test(arguments: [
    ("web", "web"), ("", "\"\""), ("a b", "\"a b\""), ("100%", "100%%"), ("$HOME", "$$HOME"),
    ("say \"x\"", "\"say \\\"x\\\"\""),
    ("it's", "\"it's\""), ("a\\b", "\"a\\\\b\""), ("a;b", "\"a;b\""), ("a\nb\tc", "\"a\\nb\\tc\""),
    ("\u{1b}", "\"\\x1b\""),
    ("grün", "\"grün\""),
  ])
  func `a word reaches the program as it is`(_ word: String, _ written: String) {
    #expect(SystemdWord.quoted(word) == written)
  }

  @Test func `the container that there is is started, and stays the main process`() throws {
    #expect(
      try text(record("-d busybox")) == """
        [Unit]
        Description=Container web (busybox)
        Documentation=man:dhow-run(1)
        Wants=network-online.target
        After=network-online.target
        RequiresMountsFor="/home/a b/dhow"

        [Service]
        Type=exec
        ExecStart=/usr/bin/dhow start --attach web
        ExecStop=/usr/bin/dhow stop --time=10 web
        KillMode=mixed
        TimeoutStopSec=20
        Restart=on-failure
        SuccessExitStatus=143
        Delegate=yes

        [Install]
        WantedBy=default.target

        """)
  }

  @Test func `a new one has the flags of the first, but for what the unit says itself`() throws {
    let made = record(
      "-d --rm --name=web -m 64m -eA -e B=2 --read-only=false -v /a:/b --restart always --cidfile /c -it busybox sh -c --rm"
    )
    let unit = try text(made) {
      $0.makesNew = true
      $0.restartPolicy = "always"
      $0.stopTimeout = 3
      $0.after = ["db.service"]
    }
    #expect(
      unit.contains(
        "ExecStart=/usr/bin/dhow run --rm --replace --name=web --cgroups=split --sdnotify=conmon --memory=64m "
          + "--read-only=false --volume=/a:/b --interactive --tty \"--env=A=1 2\" busybox sh -c --rm\n"), "\(unit)")
    #expect(unit.contains("Type=notify\n") && unit.contains("Restart=always\n"))
    #expect(
      unit.contains("--time=3 web\n") && unit.contains("TimeoutStopSec=13\n") && unit.contains("After=db.service\n"))
    let template = try text(made) { ($0.makesNew, $0.isTemplate) = (true, true) }
    #expect(template.contains("--name=web-%i ") && template.contains("--time=10 web-%i\n"))
  }

  @Test func `a container whose flags were not kept has no unit that makes it anew`() {
    #expect(UnitWords.kept(["--creds", "a:b", "img"]) == [])
    #expect(UnitWords.kept(["--creds=a:b", "img"]) == [])
    #expect(UnitWords.kept(["-d", "img"]) == ["-d", "img"])
    #expect(throws: EngineError.self) { try text(record("")) { $0.makesNew = true } }
  }
}
