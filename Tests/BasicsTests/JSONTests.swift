import Testing

@testable import Basics

@Suite struct JSONTests {
  @Test func `a document survives a round trip with its order`() throws {
    let text = #"{"b":1,"a":[true,false,null,-2.5,"x\"\\\n\u001b"],"c":{}}"#
    #expect(try JSON(parsing: text).text() == text)
  }

  @Test func `the later of two members counts`() throws {
    #expect(try JSON(parsing: #"{"a":1,"a":2}"#)["a"] == 2)
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\"}", "{\"a\":}", "tru", "01", "1.", "1e", "-", "\"", "\"\u{1}\"", "\"\\x\"", "\"\\u12\"",
    "1 2",
    "[1 2]", "nul", "{'a':1}", "1e999",
  ])
  func `malformed text is refused`(text: String) {
    #expect(throws: JSONSyntaxError.self) { try JSON(parsing: text) }
  }

  @Test func `invalid UTF-8 is refused`() {
    #expect(throws: JSONSyntaxError.self) { try JSON(parsing: [0x22, 0xFF, 0x22] as [UInt8]) }
  }

  @Test func `deep nesting is refused, not followed`() {
    let text = String(repeating: "[", count: 100_000)
    #expect(throws: JSONSyntaxError.self) { try JSON(parsing: text) }
  }

  @Test func `surrogate pairs join and lone ones are replaced`() throws {
    #expect(try JSON(parsing: #""\ud83d\ude00""#) == "😀")
    #expect(try JSON(parsing: #""\ud83dx""#) == "\u{FFFD}x")
  }

  @Test func `fields name the member that is wrong`() throws {
    let fields = try JSONFields(JSON(parsing: #"{"a":{"b":[1]}}"#), "record")
    #expect(throws: JSONShapeError(path: "record.a.b", reason: "has an element that is not a string")) {
      try fields.fields("a")?.strings("b")
    }
  }

  @Test func `text for a terminal shows escapes`() {
    #expect(safeText("a\u{1b}]52;c;x\u{7}\u{202E}") == "a\\x1b]52;c;x\\x07\\u{202E}")
  }
}
