internal import Basics
internal import Glibc

/// Pieces of text that lists are made of.
enum ListText {
  /// At most `width` characters, the last an ellipsis when something was cut, as docker's lists have it.
  static func shortened(_ text: String, to width: Int) -> String {
    guard text.unicodeScalars.count > width else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.prefix(width - 1))) + "…"
  }

  /// A moment as Go prints one in the local zone: `2026-11-21 05:51:42 +0000 UTC`.
  static func local(_ moment: Timestamp) -> String {
    var seconds = time_t(moment.seconds)
    var parts = tm()
    guard localtime_r(&seconds, &parts) != nil else { return moment.rfc3339 }
    var buffer = [CChar](repeating: 0, count: 80)
    let count = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S %z %Z", &parts)
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The first twelve digits of an id, with or without `sha256:` before it.
  static func shortID(_ id: String) -> String {
    Identifier.short(id.hasPrefix("sha256:") ? String(id.dropFirst(7)) : id)
  }

  /// `a=1,b=2`, sorted as docker shows labels.
  static func labels(_ labels: [(String, String)]) -> String {
    labels.map { "\($0.0)=\($0.1)" }.sorted().joined(separator: ",")
  }
}
