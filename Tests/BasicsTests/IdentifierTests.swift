import Testing

@testable import Basics

@Suite struct IdentifierTests {
  @Test func `a packed id fits an inode and comes back`() {
    for id in (0..<200).map({ _ in newID() }) + [String(repeating: "0", count: 64), String(repeating: "f", count: 64)] {
      let packed = Identifier.packed(id)
      #expect(packed.utf8.count == 43)
      #expect(Identifier.unpacked(packed) == id)
    }
    // RFC 4648, section 5: bytes 0x00 0x10 0x83 … are the alphabet in its order.
    let id = "00108310518720928b30d38f41149351559761969b71d79f8218a39259a7a29a"
    #expect(Identifier.packed(id) == "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopo")
  }

  @Test(arguments: [
    "", "x", String(repeating: "A", count: 42), String(repeating: "A", count: 44), String(repeating: "=", count: 43),
    String(repeating: "A", count: 42) + "B", "../../../../../../../../../../../../../../x", newID(),
  ])
  func `other text is no packed id`(_ text: String) { #expect(Identifier.unpacked(text) == nil) }

  @Test(arguments: [
    ("0a", true), ("9f", true), ("0A", false), ("0g", false), ("0", false), ("0a0", false), ("é", false),
  ])
  func `lower-case hexadecimal digits`(_ text: String, _ isOne: Bool) {
    #expect(isLowerHex(text, count: 2) == isOne)
    #expect(isLowerHex("-\(text)".dropFirst(), count: 2) == isOne)
  }
}
