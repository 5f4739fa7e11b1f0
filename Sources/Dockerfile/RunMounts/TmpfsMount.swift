internal import Basics

/// `type=tmpfs`: an empty file system in memory.
package struct TmpfsMount: Equatable, Sendable {
  package var target: String
  /// Bytes; nil for the kernel's default.
  package var size: Int64?
}

extension TmpfsMount {
  init(_ options: MountOptions) throws(BuildDiagnostic) {
    try options.allow("target", "size", "readonly", "readwrite")
    var size: Int64?
    if let text = options.text("size") {
      do throws(ByteCount.ParseError) { size = try ByteCount.parse(text) } catch {
        throw BuildDiagnostic("invalid value for size: \(error.reason)", word: "size=" + text)
      }
    }
    self.init(target: try options.target(), size: size)
  }
}
