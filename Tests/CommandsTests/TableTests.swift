import Basics
import Commands
import Testing

@Suite struct TableTests {
  /// Copied from docker 28.2.2 (`ps -a`).
  @Test func `columns line up as docker's`() {
    let text = Table.text(
      header: ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"],
      rows: [
        ["aaaaaaaaaaaa", "busybox", "\"sh -c 'echo a long …\"", "2 hours ago", "Up 2 hours", "", "angry_stallman"],
        [
          "cccccccccccc", "registry.example.com:5000/team/app:v1", "\"/bin/true\"", "10 days ago",
          "Exited (0) 9 days ago", "443/tcp, 0.0.0.0:8080->80/tcp", "web",
        ],
      ])
    #expect(
      text == """
        CONTAINER ID   IMAGE                                   COMMAND                  CREATED       STATUS                  PORTS                           NAMES
        aaaaaaaaaaaa   busybox                                 "sh -c 'echo a long …"   2 hours ago   Up 2 hours                                              angry_stallman
        cccccccccccc   registry.example.com:5000/team/app:v1   "/bin/true"              10 days ago   Exited (0) 9 days ago   443/tcp, 0.0.0.0:8080->80/tcp   web

        """)
  }

  @Test func `narrow columns keep docker's least width`() {
    #expect(Table.text(header: ["A", "B"], rows: [["x", "y"]]) == "A         B\nx         y\n")
  }

  @Test func `a line without the cell ends the column`() {
    #expect(Table.aligned("aaaaaaaaaaaaaaa\tb\nplain\nc\td\n") == "aaaaaaaaaaaaaaa   b\nplain\nc         d\n")
  }

  private let printer = ListPrinter<[String]>(
    fields: [
      .init("ID", "IMAGE ID") { $0[0] }, .init("Name", "NAME") { $0[1] }, .init("Size", "SIZE") { $0[2] },
    ], columns: ["ID", "Name"]
  ) { row, key in "\(key)-of-\(row[0])" }
  private let rows = [["abc", "a<b\u{1b}[0m", "1B"], ["def", "c", "2B"]]

  private func printed(_ format: String?) throws -> String {
    let output = Output.collecting()
    try printer.print(rows, as: ListFormat(format), to: output)
    return output.collected
  }

  @Test(arguments: [
    (nil, "IMAGE ID   NAME\nabc        a<b\\x1b[0m\ndef        c\n"),
    ("table", "IMAGE ID   NAME\nabc        a<b\\x1b[0m\ndef        c\n"),
    ("{{.ID}}", "abc\ndef\n"),
    ("{{.ID}}\\t{{.Size}}", "abc\t1B\ndef\t2B\n"),
    ("table {{.ID}}\\t{{.Size}}", "IMAGE ID   SIZE\nabc        1B\ndef        2B\n"),
    ("{{.Label \"com.x.kind\"}}", "com.x.kind-of-abc\ncom.x.kind-of-def\n"),
    (
      "json",
      "{\"ID\":\"abc\",\"Name\":\"a\\u003cb\\u001b[0m\",\"Size\":\"1B\"}\n{\"ID\":\"def\",\"Name\":\"c\",\"Size\":\"2B\"}\n"
    ),
  ])
  func `a list is printed in the format asked for`(_ format: String?, _ text: String) throws {
    #expect(try printed(format) == text)
  }

  @Test(arguments: ["{{.Nope}}", "table {{.Nope}}", "{{"])
  func `a field that is not there is an error`(_ format: String) {
    #expect(throws: EngineError.self) { try printed(format) }
  }
}
