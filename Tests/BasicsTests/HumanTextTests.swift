import Basics
import Testing

@Suite struct HumanTextTests {
  @Test(arguments: [
    ("0", 0), ("1", 1), ("1b", 1), ("1B", 1), ("64k", 65536), ("64K", 65536), ("64kb", 65536), ("64KiB", 65536),
    ("64m", 67_108_864), ("1.5g", 1_610_612_736), ("1 GiB", 1_073_741_824), ("2t", 2_199_023_255_552), (".5k", 512),
    ("1p", 1_125_899_906_842_624),
  ])
  func `a size is read as docker reads it`(_ text: String, _ bytes: Int64) throws {
    #expect(try ByteCount.parse(text) == bytes)
  }

  @Test(arguments: [
    "", "abc", "k", "-1", "1x", "1kk", "1kib2", "1.2.3k", "1e3", "0x10", "9999999p", " ", "1  k", "nan", "inf",
  ])
  func `what is no size is refused`(_ text: String) {
    #expect(throws: ByteCount.ParseError.self) { try ByteCount.parse(text) }
  }

  @Test(arguments: [
    (0, "0B"), (1, "1B"), (999, "999B"), (1000, "1kB"), (1234, "1.23kB"), (4_261_550, "4.26MB"), (999_949_999, "1GB"),
    (1_500_000_000, "1.5GB"), (123_456_789_012, "123GB"), (1_099_000_000_000, "1.1TB"), (-1, "-1B"),
  ])
  func `a list shows powers of a thousand`(_ bytes: Int64, _ text: String) {
    #expect(ByteCount.decimalText(bytes, digits: 3) == text)
  }

  @Test(arguments: [(67_108_864, "64MiB"), (1023, "1023B"), (1536, "1.5KiB"), (8_301_973_504, "7.732GiB")])
  func `a limit shows powers of 1024`(_ bytes: Int64, _ text: String) { #expect(ByteCount.binaryText(bytes) == text) }

  @Test(arguments: [
    ("10s", 10_000_000_000), ("1h30m", 5_400_000_000_000), ("300ms", 300_000_000), ("1.5h", 5_400_000_000_000),
    ("-5m", -300_000_000_000), ("0", 0), ("+1s", 1_000_000_000), ("1us", 1000), ("1µs", 1000), (".5s", 500_000_000),
  ])
  func `a duration is read as Go reads it`(_ text: String, _ nanoseconds: Int64) throws {
    #expect(try HumanDuration.parse(text) == nanoseconds)
  }

  @Test(arguments: ["", "-", "5", "s", "1d", "1..5s", ".s", "1s-", "9999999h", "1 s"])
  func `what is no duration is refused`(_ text: String) {
    #expect(throws: HumanDuration.ParseError.self) { try HumanDuration.parse(text) }
  }

  @Test(arguments: [
    (0, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (119, "About a minute"),
    (120, "2 minutes"), (3599, "59 minutes"), (3600, "About an hour"), (7200, "2 hours"), (172_800, "2 days"),
    (1_209_600, "2 weeks"), (5_184_000, "2 months"), (63_072_000, "2 years"), (-5, "Less than a second"),
  ])
  func `a length of time is said in one unit`(_ seconds: Int64, _ text: String) {
    #expect(HumanDuration.text(nanoseconds: seconds * 1_000_000_000) == text)
  }

  @Test(arguments: [
    ("plain", "\"plain\""), ("a\"b\\c", "\"a\\\"b\\\\c\""), ("\u{1b}[0m\n\t", "\"\\x1b[0m\\n\\t\""),
    ("\u{202E}x", "\"\\u202ex\""), ("é…", "\"é…\""),
  ])
  func `quoting follows Go and is safe to show`(_ text: String, _ quoted: String) { #expect(goQuoted(text) == quoted) }
}
