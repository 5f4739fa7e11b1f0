internal import Basics
internal import Glibc

/// One line of a log file, found but not yet unescaped. Slices point into the buffer it was read from.
struct LogLine {
  var stream: OutputStream
  /// The text between the quotes of `log`, still escaped.
  var text: UnsafeRawBufferPointer
  /// Base64 of the exact bytes, for a line that is not UTF-8.
  var raw: UnsafeRawBufferPointer?
  /// RFC 3339 text.
  var time: UnsafeRawBufferPointer
  /// The object of `attrs` as JSON text, empty when there is none.
  var attributes: UnsafeRawBufferPointer

  var timestamp: Timestamp? { Timestamp(rfc3339: String(decoding: time, as: UTF8.self)) }

  /// Reads a line as `LogLineEncoder` and docker write it, without its line feed; nil for anything else (a torn line).
  ///
  /// No JSON tree is built: the members stand in a fixed order and are found by searching for quotes.
  init?(_ line: UnsafeRawBufferPointer) {
    guard line.count > 40, let start = line.baseAddress, memcmp(start, #"{"log":""#, 8) == 0,
      let textEnd = Self.closingQuote(line, from: 8)
    else { return nil }
    text = UnsafeRawBufferPointer(rebasing: line[8..<textEnd])
    var at = textEnd + 1
    raw = nil
    if Self.has(line, at, #","raw":""#), let end = Self.closingQuote(line, from: at + 8) {
      raw = UnsafeRawBufferPointer(rebasing: line[(at + 8)..<end])
      at = end + 1
    }
    if Self.has(line, at, #","stream":"stdout""#) {
      stream = .stdout
    } else if Self.has(line, at, #","stream":"stderr""#) {
      stream = .stderr
    } else {
      return nil
    }
    at += 18
    attributes = UnsafeRawBufferPointer(rebasing: line[at..<at])
    if Self.has(line, at, #","attrs":{"#) {
      guard let end = Self.closingBrace(line, from: at + 9) else { return nil }
      attributes = UnsafeRawBufferPointer(rebasing: line[(at + 9)...end])
      at = end + 1
    }
    guard Self.has(line, at, #","time":""#), let end = Self.closingQuote(line, from: at + 9),
      end + 2 == line.count, line[end + 1] == UInt8(ascii: "}")
    else { return nil }
    time = UnsafeRawBufferPointer(rebasing: line[(at + 9)..<end])
  }

  private static func has(_ line: UnsafeRawBufferPointer, _ at: Int, _ text: StaticString) -> Bool {
    guard at + text.utf8CodeUnitCount <= line.count, let start = line.baseAddress else { return false }
    return memcmp(start + at, text.utf8Start, text.utf8CodeUnitCount) == 0
  }

  /// Index of the quote that ends a string begun before `from`.
  private static func closingQuote(_ line: UnsafeRawBufferPointer, from: Int) -> Int? {
    guard let start = line.baseAddress else { return nil }
    var search = from
    while search < line.count, let found = memchr(start + search, 0x22, line.count - search) {
      let index = UnsafeRawPointer(found) - start
      var slashes = 0
      while index - slashes > from, line[index - slashes - 1] == 0x5C { slashes += 1 }
      if slashes % 2 == 0 { return index }
      search = index + 1
    }
    return nil
  }

  /// Index of the brace that ends the flat object begun at `from`.
  private static func closingBrace(_ line: UnsafeRawBufferPointer, from: Int) -> Int? {
    var index = from + 1
    while index < line.count {
      if line[index] == UInt8(ascii: "}") { return index }
      if line[index] == 0x22 {
        guard let end = closingQuote(line, from: index + 1) else { return nil }
        index = end
      }
      index += 1
    }
    return nil
  }

  /// Bytes that `write` produces at most.
  var bound: Int { max(text.count, raw?.count ?? 0) }

  /// Writes the bytes the container wrote; `output` has room for `bound`.
  /// - Returns: bytes written.
  func write(to output: UnsafeMutablePointer<UInt8>) -> Int {
    if let raw, let bytes = Base64.decode(raw) {
      bytes.withUnsafeBufferPointer { if let start = $0.baseAddress { output.update(from: start, count: $0.count) } }
      return bytes.count
    }
    var end = output
    guard var next = text.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return 0 }
    let limit = next + text.count
    while let found = memchr(next, 0x5C, limit - next) {
      let slash = UnsafePointer(found.assumingMemoryBound(to: UInt8.self))
      let run = slash - next
      memcpy(end, next, run)
      end += run
      next = slash + 1
      Self.unescape(&next, limit, &end)
    }
    memcpy(end, next, limit - next)
    return end + (limit - next) - output
  }

  /// One escape; `next` is behind its backslash.
  private static func unescape(
    _ next: inout UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>, _ end: inout UnsafeMutablePointer<UInt8>
  ) {
    guard next < limit else { return }
    let letter = next[0]
    next += 1
    switch letter {
    case UInt8(ascii: "n"): end[0] = 0x0A
    case UInt8(ascii: "t"): end[0] = 0x09
    case UInt8(ascii: "r"): end[0] = 0x0D
    case UInt8(ascii: "b"): end[0] = 0x08
    case UInt8(ascii: "f"): end[0] = 0x0C
    case UInt8(ascii: "u"):
      guard var scalar = hex4(&next, limit) else { return }
      if (0xD800..<0xDC00).contains(scalar), limit - next >= 6, next[0] == 0x5C, next[1] == UInt8(ascii: "u") {
        var after = next + 2
        if let low = hex4(&after, limit), (0xDC00..<0xE000).contains(low) {
          scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
          next = after
        }
      }
      for byte in String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8 {
        end[0] = byte
        end += 1
      }
      return
    default: end[0] = letter
    }
    end += 1
  }

  private static func hex4(_ next: inout UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>) -> UInt32? {
    guard limit - next >= 4 else { return nil }
    var value: UInt32 = 0
    for index in 0..<4 {
      guard let digit = hexDigitValue(next[index]) else { return nil }
      value = value << 4 | UInt32(digit)
    }
    next += 4
    return value
  }
}
