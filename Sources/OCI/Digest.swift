package import Basics

/// A content digest, `algorithm:hex` (OCI image spec, descriptor.md): parsed once, strictly, and typed ever after, so
/// that no text from outside reaches a path (SECURITY B3; CVE-2014-9358, CVE-2024-3727).
package struct Digest: Hashable, Sendable, CustomStringConvertible {
  package enum Algorithm: String, Hashable, Sendable, CaseIterable {
    case sha256, sha512

    /// Length of the digest in bytes.
    package var byteCount: Int {
      switch self {
      case .sha256: 32
      case .sha512: 64
      }
    }
  }

  package let algorithm: Algorithm
  /// Lower-case hexadecimal digits, as many as the algorithm has.
  package let hex: String

  /// Parses `sha256:` with 64 or `sha512:` with 128 lower-case hexadecimal digits, and nothing else.
  package init(parsing text: String) throws(OCIFormatError) {
    var copy = text
    if let parsed = copy.withUTF8(Self.parsed) {
      self = parsed
      return
    }
    let shown = "digest \"\(safeText(String(text.prefix(80))))\""
    guard let colon = text.firstIndex(of: ":") else { throw OCIFormatError(shown, "has no algorithm") }
    guard let algorithm = Algorithm(rawValue: String(text[..<colon])) else {
      throw OCIFormatError(shown, "the algorithm is neither sha256 nor sha512", kind: .unsupported)
    }
    throw OCIFormatError(shown, "has not \(algorithm.byteCount * 2) lower-case hexadecimal digits")
  }

  /// As above.
  package init(parsing text: Substring) throws(OCIFormatError) { try self.init(parsing: String(text)) }

  private init(_ algorithm: Algorithm, checked hex: String) {
    self.algorithm = algorithm
    self.hex = hex
  }

  private static func parsed(_ bytes: UnsafeBufferPointer<UInt8>) -> Digest? {
    let algorithm: Algorithm = bytes.count == 7 + 64 ? .sha256 : .sha512
    let name: StaticString = algorithm == .sha256 ? "sha256:" : "sha512:"
    guard bytes.count == 7 + algorithm.byteCount * 2 else { return nil }
    for index in 0..<7 where bytes[index] != name.utf8Start[index] { return nil }
    let digits = UnsafeBufferPointer(rebasing: bytes[7...])
    guard isLowerHex(digits) else { return nil }
    return Digest(algorithm, checked: String(decoding: digits, as: UTF8.self))
  }

  /// A digest of hexadecimal digits, nil when they are not exactly those of the algorithm.
  package init?(_ algorithm: Algorithm = .sha256, hex: String) {
    guard isLowerHex(hex, count: algorithm.byteCount * 2) else { return nil }
    self.algorithm = algorithm
    self.hex = hex
  }

  /// As above.
  package init?(_ algorithm: Algorithm = .sha256, hex: Substring) { self.init(algorithm, hex: String(hex)) }

  /// A digest of the raw bytes that a hash function gave, nil when their number is not the algorithm's.
  package init?(_ algorithm: Algorithm = .sha256, bytes: some Collection<UInt8>) {
    guard bytes.count == algorithm.byteCount else { return nil }
    self.algorithm = algorithm
    self.hex = hexText(bytes)
  }

  package var description: String { "\(algorithm.rawValue):\(hex)" }

  /// The digits people see: the first 12.
  package var short: String { Identifier.short(hex) }
}

extension JSONFields {
  package func optionalDigest(_ name: String) throws(JSONShapeError) -> Digest? {
    guard let text = try optionalString(name) else { return nil }
    do throws(OCIFormatError) { return try Digest(parsing: text) } catch {
      throw failure(name, "\(error.subject): \(error.reason)")
    }
  }

  package func digest(_ name: String) throws(JSONShapeError) -> Digest {
    guard let digest = try optionalDigest(name) else { throw failure(name, "is missing") }
    return digest
  }

  package func digests(_ name: String) throws(JSONShapeError) -> [Digest] {
    var result: [Digest] = []
    for text in try strings(name) {
      do throws(OCIFormatError) { result.append(try Digest(parsing: text)) } catch {
        throw failure(name, "\(error.subject): \(error.reason)")
      }
    }
    return result
  }
}
