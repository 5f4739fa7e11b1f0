import Basics
import HTTP
import OCI
import Registry
import TestSupport

/// Endpoints on loopback, as configuration would give them.
func endpoint(
  _ authority: String, _ repository: String, insecure: Bool = true, mirror: Bool = false, scheme: String = "http"
) throws -> RegistryEndpoint {
  RegistryEndpoint(
    base: try WebAddress(parsing: "\(scheme)://\(authority)/"), repository: repository, isInsecure: insecure,
    trust: TLSTrust(verify: !insecure), isMirror: mirror, name: authority)
}

/// A client that does not wait long between attempts.
func client(
  _ endpoints: RegistryEndpoint..., actions: [RegistryAction] = [.pull], credential: Credential? = nil,
  attempts: Int = 4
) -> RegistryClient {
  RegistryClient(
    endpoints, actions: actions, credentials: FixedCredentials(credential),
    retry: RetryPolicy(attempts: attempts, firstPause: 2, longestPause: 10))
}

func client(
  _ server: ScriptedServer, _ repository: String = "app", actions: [RegistryAction] = [.pull],
  credential: Credential? = nil, attempts: Int = 4
) throws -> RegistryClient {
  client(
    try endpoint(server.authority, repository), actions: actions, credential: credential, attempts: attempts)
}

extension BlobDownload {
  /// The rest of the blob, read in pieces of `piece` bytes.
  func rest(piece: Int = 1000) throws(RegistryError) -> [UInt8] {
    var bytes: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 1)
    defer { buffer.deallocate() }
    while true {
      let count = try read(into: buffer)
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }
}

/// Bytes that do not repeat early, the same each time.
func pattern(_ count: Int) -> [UInt8] {
  var state: UInt32 = 12345
  return (0..<count).map { _ in
    state = state &* 1_664_525 &+ 1_013_904_223
    return UInt8(state >> 24)
  }
}

func descriptor(_ bytes: [UInt8], _ type: MediaType = .ociLayerGzip) -> Descriptor {
  Descriptor(mediaType: type, digest: SHA256Stream.digest(bytes), size: Int64(bytes.count))
}
