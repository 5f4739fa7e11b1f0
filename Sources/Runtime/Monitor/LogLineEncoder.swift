internal import Basics
internal import Glibc

/// Writes one line of output as one line of docker's json-file format:
/// `{"log":"…\n","stream":"stdout","time":"2026-01-02T03:04:05.678901234Z"}`.
/// A line that is not UTF-8 cannot stand in JSON; docker replaces what is wrong and so loses it. Such a line gets one
/// more member, `"raw"`, with its bytes in base64, so that `logs` gives back exactly what was written and other
/// readers of the file still find docker's format.
struct LogLineEncoder {
  /// What one byte becomes: 0 stands for itself, else the letter after the backslash, `u` for \u00XX.
  private let escapes: UnsafeMutablePointer<UInt8>
  private let attributes: [UInt8]
  private var timeText: [UInt8] = []
  private var timeSecond: Int64 = .min

  init(attributes: [(String, String)]) {
    escapes = .allocate(capacity: 256)
    escapes.initialize(repeating: 0, count: 256)
    for byte in 0..<0x20 { escapes[byte] = UInt8(ascii: "u") }
    for character in ["<", ">", "&"] as [Unicode.Scalar] { escapes[Int(character.value)] = UInt8(ascii: "u") }
    escapes[0x0A] = UInt8(ascii: "n")
    escapes[0x0D] = UInt8(ascii: "r")
    escapes[0x09] = UInt8(ascii: "t")
    escapes[0x22] = 0x22
    escapes[0x5C] = 0x5C
    self.attributes = attributes.isEmpty ? [] : Array(#","attrs":"#.utf8) + JSON(attributes).bytes()
  }

  func deallocate() { escapes.deallocate() }

  /// Bytes that `append` can produce at most for a line of `count` bytes.
  func bound(_ count: Int) -> Int { count * 8 + attributes.count + 160 }

  /// Writes one line to `output`, which has room for `bound`.
  /// - Parameters:
  ///   - parts: the line in one or two pieces, its line feed included when it has one.
  /// - Returns: bytes written.
  mutating func append(
    _ parts: (UnsafeRawBufferPointer, UnsafeRawBufferPointer), _ stream: OutputStream, _ time: Timestamp,
    to output: UnsafeMutablePointer<UInt8>
  ) -> Int {
    var end = output
    Self.copy(#"{"log":""#, &end)
    let valid = parts.0.isEmpty ? Self.isUTF8(parts.1) : Self.isUTF8(joined: parts)
    if valid {
      escape(parts.0, &end)
      escape(parts.1, &end)
      Self.copy("\"", &end)
    } else {
      let bytes = Array(parts.0) + Array(parts.1)
      let repaired = Array(String(decoding: bytes, as: UTF8.self).utf8)
      repaired.withUnsafeBytes { escape($0, &end) }
      Self.copy("\",\"raw\":\"", &end)
      Base64.encode(bytes, &end)
      Self.copy("\"", &end)
    }
    Self.copy(stream == .stdout ? #","stream":"stdout""# : #","stream":"stderr""#, &end)
    attributes.withUnsafeBufferPointer {
      guard let start = $0.baseAddress else { return }
      end.update(from: start, count: $0.count)
      end += $0.count
    }
    Self.copy(#","time":""#, &end)
    appendTime(time, &end)
    Self.copy("\"}\n", &end)
    return end - output
  }

  private static func copy(_ text: StaticString, _ end: inout UnsafeMutablePointer<UInt8>) {
    end.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    end += text.utf8CodeUnitCount
  }

  private func escape(_ bytes: UnsafeRawBufferPointer, _ end: inout UnsafeMutablePointer<UInt8>) {
    guard let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    let count = bytes.count
    var run = 0
    var index = 0
    while index < count {
      let byte = start[index]
      let escape = escapes[Int(byte)]
      if escape == 0 {
        index += 1
        continue
      }
      end.update(from: start + run, count: index - run)
      end += index - run
      end[0] = 0x5C
      end[1] = escape
      end += 2
      if escape == UInt8(ascii: "u") {
        end[0] = 0x30
        end[1] = 0x30
        end[2] = hexDigit(byte >> 4)
        end[3] = hexDigit(byte & 15)
        end += 4
      }
      index += 1
      run = index
    }
    end.update(from: start + run, count: count - run)
    end += count - run
  }

  /// RFC3339Nano; the text up to the second is kept between lines.
  private mutating func appendTime(_ time: Timestamp, _ end: inout UnsafeMutablePointer<UInt8>) {
    let second = time.seconds
    if second != timeSecond {
      timeSecond = second
      timeText = Array(Timestamp(seconds: second).rfc3339.utf8.dropLast())
    }
    timeText.withUnsafeBufferPointer {
      if let start = $0.baseAddress { end.update(from: start, count: $0.count) }
      end += $0.count
    }
    var fraction = time.nanoseconds - second * 1_000_000_000
    if fraction > 0 {
      var digits = 9
      while fraction % 10 == 0 {
        fraction /= 10
        digits -= 1
      }
      end[0] = UInt8(ascii: ".")
      for index in stride(from: digits, to: 0, by: -1) {
        end[index] = 0x30 + UInt8(fraction % 10)
        fraction /= 10
      }
      end += digits + 1
    }
    end[0] = UInt8(ascii: "Z")
    end += 1
  }

  private static func isUTF8(joined parts: (UnsafeRawBufferPointer, UnsafeRawBufferPointer)) -> Bool {
    if isASCII(parts.0) { return isUTF8(parts.1) }
    return (Array(parts.0) + Array(parts.1)).withUnsafeBytes { isUTF8($0) }
  }

  private static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var index = 0
    while index + 8 <= bytes.count {
      if bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { return false }
      index += 8
    }
    while index < bytes.count {
      if bytes[index] >= 0x80 { return false }
      index += 1
    }
    return true
  }

  /// Well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
  static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    if isASCII(bytes) { return true }
    var index = 0
    while index < bytes.count {
      let length = sequenceLength(bytes, at: index)
      if length <= 0 { return false }
      index += length
    }
    return true
  }

  /// Length of the character at an index; 0 when it is not well formed, negative when it is cut off by the end.
  static func sequenceLength(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Int {
    let first = bytes[index]
    if first < 0x80 { return 1 }
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch first {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    case 0xF1...0xF3: length = 4
    default: return 0
    }
    for offset in 1..<length {
      guard index + offset < bytes.count else { return -offset }
      let range = offset == 1 ? second : 0x80...0xBF
      if !range.contains(bytes[index + offset]) { return 0 }
    }
    return length
  }
}

/// Base64 of RFC 4648 section 4, as the `raw` member of a log line has it.
enum Base64 {
  private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

  static func encode(_ bytes: [UInt8], _ end: inout UnsafeMutablePointer<UInt8>) {
    let letters = alphabet.utf8Start
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let count = min(3, bytes.count - start)
      let second = count > 1 ? bytes[start + 1] : 0
      let third = count > 2 ? bytes[start + 2] : 0
      end[0] = letters[Int(bytes[start] >> 2)]
      end[1] = letters[Int((bytes[start] & 3) << 4 | second >> 4)]
      end[2] = count > 1 ? letters[Int((second & 15) << 2 | third >> 6)] : UInt8(ascii: "=")
      end[3] = count > 2 ? letters[Int(third & 63)] : UInt8(ascii: "=")
      end += 4
    }
  }

  /// Nil when the text is no base64.
  static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    var result: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    for (index, letter) in text.enumerated() {
      let value: UInt32
      switch letter {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = UInt32(letter) - 65
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = UInt32(letter) - 71
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt32(letter) + 4
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      case UInt8(ascii: "=") where index >= text.count - 2: continue
      default: return nil
      }
      bits = bits << 6 | value
      count += 6
      if count >= 8 {
        count -= 8
        result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return result
  }
}
