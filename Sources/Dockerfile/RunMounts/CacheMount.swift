internal import Basics

/// `type=cache`: a directory that outlives the build.
package struct CacheMount: Equatable, Sendable {
  package enum Sharing: String, Sendable, CaseIterable { case shared, `private`, locked }

  package var target: String
  /// The target unless given.
  package var id: String
  package var sharing = Sharing.shared
  /// What a new cache is filled from.
  package var from: String?
  package var source = "/"
  package var writable = true
  /// Of a new cache directory; 0755 and root when nil.
  package var mode: UInt32?
  package var uid: UInt32?
  package var gid: UInt32?
}

extension CacheMount {
  init(_ options: MountOptions) throws(BuildDiagnostic) {
    try options.allow(
      "from", "source", "target", "readonly", "readwrite", "id", "sharing", "mode", "uid", "gid")
    let target = try options.target()
    var sharing = Sharing.shared
    if let text = options.text("sharing") {
      guard let value = Sharing(rawValue: text.lowercased()) else {
        throw .invalidChoice(
          "unsupported sharing value \(goQuoted(text))", text, among: Sharing.allCases.map(\.rawValue))
      }
      sharing = value
    }
    self.init(
      target: target, id: options.text("id") ?? target, sharing: sharing, from: options.text("from"),
      source: options.text("source") ?? "/", writable: try options.writable(standard: true),
      mode: try options.mode(), uid: try options.number("uid"), gid: try options.number("gid"))
  }
}
