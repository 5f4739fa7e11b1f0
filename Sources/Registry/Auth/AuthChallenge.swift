/// One challenge of a `WWW-Authenticate` header (RFC 9110 11.6.1): a scheme and its parameters.
package struct AuthChallenge: Equatable, Sendable {
  /// In lower case.
  package var scheme: String
  /// Names in lower case.
  package var parameters: [String: String]

  static let most = 16

  /// All challenges of all `WWW-Authenticate` headers of an answer. What does not parse ends the list.
  package static func parse(_ headers: [String]) -> [AuthChallenge] {
    var result: [AuthChallenge] = []
    for header in headers {
      var reader = ChallengeReader(Array(header.utf8))
      while result.count < most, let challenge = reader.next() { result.append(challenge) }
    }
    return result
  }
}

/// Reads challenges one after the other. A comma may separate parameters or challenges: what follows a token and is
/// not `=` begins a new challenge.
private struct ChallengeReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func next() -> AuthChallenge? {
    skipSeparators()
    guard let scheme = token() else { return nil }
    var parameters: [String: String] = [:]
    while true {
      let mark = position
      skipSeparators()
      guard let name = token() else { break }
      skipSpaces()
      guard position < bytes.count, bytes[position] == UInt8(ascii: "=") else {
        // The scheme of the next challenge.
        position = mark
        break
      }
      position += 1
      skipSpaces()
      guard let value = value(), parameters.count < 32 else { break }
      parameters[name.lowercased()] = value
    }
    return AuthChallenge(scheme: scheme.lowercased(), parameters: parameters)
  }

  private mutating func skipSeparators() {
    while position < bytes.count, [0x20, 0x09, UInt8(ascii: ",")].contains(bytes[position]) { position += 1 }
  }

  private mutating func skipSpaces() {
    while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
  }

  private mutating func token() -> String? {
    let start = position
    while position < bytes.count, Self.isTokenByte(bytes[position]) { position += 1 }
    return start == position ? nil : String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func value() -> String? {
    guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return token() }
    position += 1
    var text: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
      if byte == UInt8(ascii: "\\"), position < bytes.count {
        text.append(bytes[position])
        position += 1
      } else {
        text.append(byte)
      }
    }
    return nil
  }

  /// RFC 9110 5.6.2 tchar, and the `/` and `:` that some servers leave unquoted.
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "!#$%&'*+-.^_`|~/:".utf8.contains(byte)
    }
  }
}
