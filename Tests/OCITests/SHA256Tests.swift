import Testing

@testable import OCI

@Suite struct SHA256Tests {
  /// Test vectors of FIPS 180-4 (NIST's examples).
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func `the digest is the standard's`(text: String, hex: String) {
    #expect(SHA256Stream.hex(Array(text.utf8)) == hex)
    #expect(SHA256Stream.digest(Array(text.utf8)).description == "sha256:" + hex)
  }

  @Test func `pieces give the digest of the whole, and asking early changes nothing`() {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    var stream = SHA256Stream()
    for start in stride(from: 0, to: 1000, by: 37) {
      stream.update(Array(bytes[start..<min(start + 37, 1000)]))
      _ = stream.hex
    }
    #expect(stream.hex == SHA256Stream.hex(bytes))
    #expect(stream.count == 1000)
  }
}
