package import Basics

/// The key sequence that leaves a container running and gives the terminal back.
package struct DetachKeys: Equatable, Sendable {
  package let bytes: [UInt8]

  /// ctrl-p ctrl-q, as docker's.
  package static let standard = DetachKeys(bytes: [16, 17])
  /// No sequence at all: every key goes to the container.
  package static let none = DetachKeys(bytes: [])

  private init(bytes: [UInt8]) { self.bytes = bytes }

  /// Docker's grammar: keys separated by commas, each one character or `ctrl-` with one of `a-z @ [ \ ] ^ _`, or `DEL`.
  /// Empty text is no sequence.
  /// - Throws: `EngineError` naming the key that is not understood.
  package init(parsing text: String) throws(EngineError) {
    var bytes: [UInt8] = []
    for key in text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let byte = Self.byte(key) else {
        throw EngineError(
          .usage, "reading the detach keys \"\(safeText(text))\"", "\"\(safeText(String(key)))\" is no key",
          hint: "write keys as ctrl-a … ctrl-z, ctrl-@, ctrl-[ or single characters, separated by commas")
      }
      bytes.append(byte)
    }
    self.bytes = bytes
  }

  private static func byte(_ key: Substring) -> UInt8? {
    if key == "DEL" { return 127 }
    let codes = Array(key.utf8)
    if codes.count == 1 { return codes[0] < 0x80 ? codes[0] : nil }
    guard codes.count == 6, key.hasPrefix("ctrl-") else { return nil }
    switch codes[5] {
    case UInt8(ascii: "a")...UInt8(ascii: "z"): return codes[5] - 0x60
    case UInt8(ascii: "@"), UInt8(ascii: "[")...UInt8(ascii: "_"): return codes[5] - 0x40
    default: return nil
    }
  }
}

/// Finds the sequence in what is typed. Keys that may be its beginning are held back until the next key decides.
struct DetachScanner {
  private let keys: [UInt8]
  private var matched = 0

  init(_ keys: DetachKeys) { self.keys = keys.bytes }

  /// Passes on what is not part of the sequence; true when the sequence is complete, what follows it is dropped.
  mutating func scan(_ typed: UnsafeRawBufferPointer, pass: (UnsafeRawBufferPointer) -> Void) -> Bool {
    if keys.isEmpty {
      pass(typed)
      return false
    }
    var output: [UInt8] = []
    for byte in typed {
      if byte == keys[matched] {
        matched += 1
        if matched == keys.count {
          output.withUnsafeBytes { if !$0.isEmpty { pass($0) } }
          return true
        }
        continue
      }
      // Not the sequence after all: what was held back was typed, up to where it may begin anew.
      var held = Array(keys[..<matched])
      held.append(byte)
      matched = 0
      while !held.isEmpty, !keys.starts(with: held) { output.append(held.removeFirst()) }
      matched = held.count
    }
    output.withUnsafeBytes { if !$0.isEmpty { pass($0) } }
    return false
  }
}
