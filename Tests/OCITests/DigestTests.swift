import OCI
import Testing

private let hex64 = String(repeating: "0123456789abcdef", count: 4)

private let short = String(hex64.dropLast())
private let malformed: [String] = [
  "", ":", "sha256", "sha256:", "sha256:../../x", "sha256:\(hex64.uppercased())", "sha256:\(short)",
  "sha256:\(hex64)0", "sha512:\(hex64)", "md5:d41d8cd98f00b204e9800998ecf8427e", "SHA256:\(hex64)",
  "sha256:\(short)\n", "sha256:\(short)/", "sha256+b64:\(hex64)", " sha256:\(hex64)",
  "sha256:\(hex64.dropLast(2))é",
]

@Suite struct DigestTests {
  @Test(arguments: ["sha256:" + hex64, "sha512:" + hex64 + hex64])
  func `a well-formed digest survives a round`(text: String) throws {
    #expect(try Digest(parsing: text).description == text)
  }

  /// SECURITY B3.
  @Test(arguments: malformed) func `anything else is refused`(text: String) {
    #expect(throws: OCIFormatError.self) { try Digest(parsing: text) }
  }

  @Test func `raw bytes make a digest only in the right number`() {
    #expect(Digest(bytes: [UInt8](repeating: 0xAB, count: 32))?.hex == String(repeating: "ab", count: 32))
    #expect(Digest(bytes: [UInt8](repeating: 0, count: 31)) == nil)
    #expect(Digest(.sha512, bytes: [UInt8](repeating: 0, count: 64)) != nil)
  }
}
