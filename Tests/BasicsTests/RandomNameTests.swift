import Testing

@testable import Basics

@Suite struct RandomNameTests {
  @Test func `names have docker's form`() throws {
    var seen: Set<String> = []
    for attempt in 0..<2000 {
      let name = RandomName.make(attempt: attempt % 2)
      let words = name.split(separator: "_")
      #expect(words.count == 2)
      #expect(name.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x5F || (0x30...0x39).contains($0) })
      #expect(Identifier.isName(name))
      seen.formUnion(words.map(String.init))
    }
    #expect(seen.count > 200)
    // The founding documents' own examples stay possible.
    #expect(seen.contains { $0 == "angry" } || seen.contains { $0 == "stallman" } || seen.contains { $0 == "rosalind" })
  }
}
