package import HTTP

/// The part of a blob that a request asks for (RFC 9110 section 14): one range of bytes; anything else gets the whole.
package enum ByteRange: Equatable, Sendable {
  case whole
  case part(Range<Int64>)
  case unsatisfiable

  /// - Parameter etag: what `If-Range` must be for the range to count.
  package static func asked(by headers: HTTPHeaders, etag: String, size: Int64) -> ByteRange {
    guard let text = headers.first("Range"), text.hasPrefix("bytes=") else { return .whole }
    if let condition = headers.first("If-Range"), condition != etag { return .whole }
    let parts = text.dropFirst(6).split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[1].contains(",") else { return .whole }
    if parts[0].isEmpty {
      guard let count = number(parts[1]) else { return .whole }
      if count == 0 || size == 0 { return .unsatisfiable }
      return .part(max(0, size - count)..<size)
    }
    guard let start = number(parts[0]) else { return .whole }
    var end = size
    if !parts[1].isEmpty {
      guard let last = number(parts[1]), last >= start else { return .whole }
      if last < size { end = last + 1 }
    }
    return start < size ? .part(start..<end) : .unsatisfiable
  }

  /// The bytes of a chunk of an upload: `Content-Range: 0-1023` (distribution specification), or RFC 9110's
  /// `bytes 0-1023/…`; nil when it is neither.
  package static func content(_ text: String) -> ClosedRange<Int64>? {
    var range = text.hasPrefix("bytes ") ? text.dropFirst(6) : text[...]
    if let slash = range.firstIndex(of: "/") { range = range[..<slash] }
    guard let dash = range.firstIndex(of: "-"), let first = number(range[..<dash]),
      let last = number(range[range.index(after: dash)...]), first <= last
    else { return nil }
    return first...last
  }

  private static func number(_ text: Substring) -> Int64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int64(text)
  }
}
