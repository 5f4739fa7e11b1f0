import Testing

@testable import Basics

@Suite struct Base64Tests {
  /// RFC 4648 section 10.
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ("foobar", "Zm9vYmFy"),
  ])
  func `bytes and text change into each other`(_ plain: String, _ encoded: String) {
    #expect(base64Encoded(Array(plain.utf8)) == encoded)
    #expect(base64Decoded(encoded) == Array(plain.utf8))
    #expect(base64Decoded(encoded.filter { $0 != "=" }) == Array(plain.utf8))
  }

  @Test(arguments: ["Z", "Zg=", "Zg===", "Zm9vY", "Zm9v\n", "Zm 9", "Zm-_", "Zh==", "=Zg=", "===="])
  func `what is no base64 is refused`(_ text: String) { #expect(base64Decoded(text) == nil) }
}
