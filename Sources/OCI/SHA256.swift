// SHA-256 over a stream of bytes: what blobs are named by and layers are checked with.
internal import Basics
internal import CNettle

/// A SHA-256 digest in the making (FIPS 180-4, by nettle, which uses the processor's instructions). A value: a copy
/// goes on by itself.
package struct SHA256Stream: Sendable {
  private var context = sha256_ctx()
  /// Bytes seen so far.
  package private(set) var count: Int64 = 0

  package init() { nettle_sha256_init(&context) }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    nettle_sha256_update(&context, bytes.count, base.assumingMemoryBound(to: UInt8.self))
    count += Int64(bytes.count)
  }

  package mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

  /// The 32 bytes of the digest of everything seen so far; the stream may go on afterwards.
  package var digestBytes: [UInt8] {
    var copy = context
    return [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      nettle_sha256_digest(&copy, 32, buffer.baseAddress)
      count = 32
    }
  }

  /// The digest as 64 lower-case hexadecimal digits.
  package var hex: String { hexText(digestBytes) }

  package var digest: Digest {
    guard let digest = Digest(.sha256, bytes: digestBytes) else { preconditionFailure("SHA-256 has 32 bytes") }
    return digest
  }
}

extension SHA256Stream {
  /// The digest of bytes in memory, as 64 lower-case hexadecimal digits.
  package static func hex(_ bytes: [UInt8]) -> String {
    var stream = SHA256Stream()
    stream.update(bytes)
    return stream.hex
  }

  /// The digest of bytes in memory.
  package static func digest(_ bytes: [UInt8]) -> Digest {
    var stream = SHA256Stream()
    stream.update(bytes)
    return stream.digest
  }
}
