/// The head of a message as RFC 9112 has it, read strictly: what two readers could understand differently is refused
/// (request smuggling), and every size has a limit (SECURITY B7).
struct MessageHead {
  static let byteLimit = 64 * 1024
  static let fieldLimit = 200

  /// The first line, without its end.
  var startLine: String
  var headers: HTTPHeaders

  /// Why a head is refused; `text` never holds what came, which may be anything.
  struct Refusal: Error, Equatable {
    var isLimit = false
    var text: String

    init(_ text: String, isLimit: Bool = false) {
      self.text = text
      self.isLimit = isLimit
    }
  }

  /// Parses lines that end with CR LF, up to and with the empty one. No folded lines, no bare LF or CR, no control bytes.
  init(parsing bytes: UnsafeRawBufferPointer) throws(Refusal) {
    var rest = bytes[...]
    startLine = try MessageHead.line(&rest).text
    headers = HTTPHeaders()
    while true {
      let line = try MessageHead.line(&rest)
      if line.isEmpty { break }
      guard headers.fields.count < MessageHead.fieldLimit else {
        throw Refusal("more than \(MessageHead.fieldLimit) header fields", isLimit: true)
      }
      let field = try MessageHead.field(line)
      headers.add(field.name, field.value)
    }
    if !rest.isEmpty { throw Refusal("bytes after the head") }
  }

  private typealias Bytes = Slice<UnsafeRawBufferPointer>

  /// Takes one line off, without its CR LF.
  private static func line(_ rest: inout Bytes) throws(Refusal) -> Bytes {
    guard let end = rest.firstIndex(of: 0x0A) else { throw Refusal("a line without an end") }
    guard end > rest.startIndex, rest[end - 1] == 0x0D else { throw Refusal("a line that ends without CR") }
    let line = rest[rest.startIndex..<end - 1]
    for byte in line where byte < 0x20 && byte != 0x09 || byte == 0x7F { throw Refusal("a control byte in the head") }
    rest = rest[(end + 1)...]
    return line
  }

  /// `name: value` (RFC 9112 section 5: no space before the colon, no folding).
  static func field(_ line: Slice<UnsafeRawBufferPointer>) throws(Refusal) -> (name: String, value: String) {
    if line.first == 0x20 || line.first == 0x09 { throw Refusal("a folded header field") }
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { throw Refusal("a header field without a colon") }
    let name = line[line.startIndex..<colon]
    guard !name.isEmpty, name.allSatisfy(isTokenByte) else { throw Refusal("a header field with a bad name") }
    var value = line[(colon + 1)...]
    while let first = value.first, first == 0x20 || first == 0x09 { value = value.dropFirst() }
    while let last = value.last, last == 0x20 || last == 0x09 { value = value.dropLast() }
    return (name: name.text, value: value.text)
  }

  /// Length of a whole head at the front of `bytes`, empty line included; nil when its end has not come yet. `from`: where
  /// to go on looking.
  static func length(in bytes: UnsafeRawBufferPointer, from: Int) -> Int? {
    var index = max(0, from - 3)
    while index < bytes.count {
      guard let end = bytes[index...].firstIndex(of: 0x0A) else { return nil }
      // LF CR LF ends a head; LF LF does for those who take a bare LF, and the parser refuses it then.
      if end >= 1, bytes[end - 1] == 0x0A { return end + 1 }
      if end >= 2, bytes[end - 1] == 0x0D, bytes[end - 2] == 0x0A { return end + 1 }
      index = end + 1
    }
    return nil
  }
}

/// tchar of RFC 9110 section 5.6.2.
func isTokenByte(_ byte: UInt8) -> Bool {
  switch byte {
  case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
  case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"), 0x27,
    UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"),
    UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
    true
  default: false
  }
}

extension Slice<UnsafeRawBufferPointer> {
  var text: String { String(decoding: self, as: UTF8.self) }
}

/// How a body is told from what follows it (RFC 9112 section 6.3).
enum BodyFraming: Equatable {
  case none
  case length(Int64)
  case chunked
  /// Until the connection ends; only of answers.
  case untilClose

  /// From the fields of a head that may have a body; nil when neither field is there.
  init?(_ headers: HTTPHeaders, isVersion10: Bool) throws(MessageHead.Refusal) {
    let lengths = headers.all("Content-Length")
    let codings = headers.all("Transfer-Encoding")
    if !codings.isEmpty {
      guard lengths.isEmpty else { throw .init("both Content-Length and Transfer-Encoding") }
      guard !isVersion10 else { throw .init("Transfer-Encoding in HTTP/1.0") }
      guard codings.count == 1, sameToken(codings[0], "chunked") else {
        throw .init("a Transfer-Encoding that is not chunked")
      }
      self = .chunked
      return
    }
    guard let first = lengths.first else { return nil }
    guard lengths.count == 1 else { throw .init("more than one Content-Length") }
    guard let length = BodyFraming.decimal(first) else { throw .init("a Content-Length that is no number") }
    self = .length(length)
  }

  /// Decimal digits only, within Int64.
  static func decimal(_ text: String) -> Int64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int64(text)
  }
}
