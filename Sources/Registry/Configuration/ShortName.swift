internal import Basics
internal import OCI

/// Names of images without a registry, as people type them: `busybox`, `team/app:1`.
enum ShortName {
  /// True when nothing in the name says which registry: docker's rule for the component before the first slash.
  static func isShort(_ text: String) -> Bool {
    guard let slash = text.firstIndex(of: "/") else { return !text.isEmpty }
    let first = text[..<slash]
    return !first.isEmpty && first != "localhost"
      && !first.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") || (0x41...0x5A).contains($0) }
  }

  /// The name, and its tag and digest with their marks.
  static func split(_ text: String) -> (name: String, suffix: String) {
    let at = text.firstIndex(of: "@") ?? text.endIndex
    let lastSlash = text[..<at].lastIndex(of: "/") ?? text.startIndex
    let end = text[lastSlash..<at].firstIndex(of: ":") ?? at
    return (String(text[..<end]), String(text[end...]))
  }

  /// A repository with its registry, without tag and digest.
  static func isFullName(_ text: String) -> Bool {
    // What does not parse is no full name.
    guard !isShort(text), let reference = try? Reference(parsing: text) else { return false }
    return reference.tag == nil && reference.digest == nil
  }

  /// `host[:port]`.
  static func isHost(_ text: String) -> Bool {
    // What does not parse is no host.
    guard let reference = try? Reference(parsing: text + "/x/x") else { return false }
    return reference.domain == text || text == "index.docker.io"
  }
}
