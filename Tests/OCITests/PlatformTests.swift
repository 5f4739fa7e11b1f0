import OCI
import Testing

@Suite struct PlatformTests {
  @Test(arguments: [
    ("linux/amd64", "linux/amd64"), ("amd64", "linux/amd64"), ("x86_64", "linux/amd64"),
    ("linux/arm64/v8", "linux/arm64"),
    ("aarch64", "linux/arm64"), ("arm", "linux/arm/v7"), ("linux/arm/6", "linux/arm/v6"), ("armhf", "linux/arm/v7"),
    ("i386", "linux/386"), ("LINUX/AMD64", "linux/amd64"), ("linux/amd64/v1", "linux/amd64"),
    ("linux/amd64/v3", "linux/amd64/v3"), ("windows/amd64", "windows/amd64"), ("linux/riscv64", "linux/riscv64"),
  ]) func `a platform is parsed and normalized`(text: String, expected: String) throws {
    #expect(try Platform(parsing: text).description == expected)
  }

  @Test(arguments: ["", "/", "linux/", "a/b/c/d", "linux/am d", "potato", "linux/../x"])
  func `a malformed platform is refused`(text: String) {
    #expect(throws: OCIFormatError.self) { try Platform(parsing: text) }
  }

  @Test(
    arguments: [
      ("linux/arm/v7", "linux/arm/v6", 1), ("linux/arm/v7", "linux/arm/v7", 0), ("linux/arm/v6", "linux/arm/v7", nil),
      ("linux/amd64", "linux/amd64/v3", 1), ("linux/amd64", "linux/arm64", nil), ("linux/arm64", "linux/arm64/v8", 0),
      ("linux/amd64", "windows/amd64", nil),
    ] as [(String, String, Int?)]) func `variants fall back`(wanted: String, offered: String, distance: Int?) throws
  {
    #expect(try Platform(parsing: wanted).distance(to: Platform(parsing: offered)) == distance)
  }
}
