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
  package init(parsing text: some StringProtocol) throws(OCIFormatError) {
    let shown = "digest \"\(safeText(String(text.prefix(80))))\""
    guard let colon = text.firstIndex(of: ":") else { throw OCIFormatError(shown, "has no algorithm") }
    guard let algorithm = Algorithm(rawValue: String(text[..<colon])) else {
      throw OCIFormatError(shown, "the algorithm is neither sha256 nor sha512", kind: .unsupported)
    }
    let hex = text[text.index(after: colon)...]
    guard isLowerHex(hex, count: algorithm.byteCount * 2) else {
      throw OCIFormatError(shown, "has not \(algorithm.byteCount * 2) lower-case hexadecimal digits")
    }
    self.algorithm = algorithm
    self.hex = String(hex)
  }

  /// A digest of hexadecimal digits, nil when they are not exactly those of the algorithm.
  package init?(_ algorithm: Algorithm = .sha256, hex: some StringProtocol) {
    guard isLowerHex(hex, count: algorithm.byteCount * 2) else { return nil }
    self.algorithm = algorithm
    self.hex = String(hex)
  }

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
