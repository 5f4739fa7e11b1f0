package import Basics
import LinuxKernel
package import OCI

extension LayerStore {
  static let compressedVersion: Int64 = 1

  /// Digest and size of the blob that compressing a layer gave before, so that a push need not compress it again to know
  /// whether the registry has it; nil when it never was.
  /// - Parameters:
  ///   - method: `gzip` or `zstd`.
  ///   - level: nil is the method's usual one.
  package func compressed(
    _ diffID: Digest, _ method: String, level: Int?
  ) throws(EngineError) -> (digest: Digest, size: Int64)? {
    let subject = "a note about layer \(diffID.short)"
    guard
      let fields = try RecordFile.read(
        at: directory.root.raw, path(diffID, method, level), version: Self.compressedVersion, subject: subject)
    else { return nil }
    return try during("reading \(subject)") { (try fields.digest("digest"), try fields.integer("size")) }
  }

  /// Notes what compressing a layer gave. The note may be lost in a power cut.
  package func noteCompressed(
    _ diffID: Digest, _ method: String, level: Int?, digest: Digest, size: Int64
  ) throws(EngineError) {
    guard try contains(diffID) else { return }
    let json: JSON = [
      "version": .integer(Self.compressedVersion), "digest": .string(digest.description), "size": .integer(size),
    ]
    try during("noting how layer \(diffID.short) was compressed") {
      try RecordFile.write(json, at: directory.root.raw, path(diffID, method, level), durable: false)
    }
  }

  private func path(_ diffID: Digest, _ method: String, _ level: Int?) -> String {
    StatePath.compressedLayer(diffID, level.map { "\(method)-\($0)" } ?? method)
  }
}
