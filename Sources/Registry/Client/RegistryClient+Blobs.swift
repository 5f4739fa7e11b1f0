internal import HTTP
package import OCI

extension RegistryClient {
  /// Begins to fetch a blob.
  /// - Parameters:
  ///   - offset: bytes of its beginning that are there already.
  ///   - validator: `BlobDownload.validator` of the download they came from.
  package func openBlob(
    _ descriptor: Descriptor, from offset: Int64 = 0, validator: String? = nil
  ) throws(RegistryError) -> BlobDownload {
    try BlobDownload(self, descriptor, from: offset, validator: validator, retry: retryPolicy)
  }

  /// A small blob as a whole, such as a config, checked against its digest and size (SECURITY B1, B7).
  package func blob(_ descriptor: Descriptor) throws(RegistryError) -> [UInt8] {
    let asked = "blob \(descriptor.digest)"
    guard descriptor.size <= RegistryLimits.manifestBytes else {
      throw RegistryError(
        .limit, asked,
        "it has \(descriptor.size) bytes, more than the \(RegistryLimits.manifestBytes >> 20) MiB allowed")
    }
    let download = try openBlob(descriptor)
    var bytes: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try download.read(into: buffer)
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    guard descriptor.digest.algorithm == .sha256 else {
      throw RegistryError(.unsupported, asked, "only sha256 digests can be checked")
    }
    let found = SHA256Stream.digest(bytes)
    guard found == descriptor.digest else {
      throw RegistryError(.corrupt, asked, "the registry gives bytes with the digest \(found)")
    }
    return bytes
  }

  /// Whether the registry has a blob in this repository.
  package func hasBlob(_ digest: Digest) throws(RegistryError) -> Bool {
    try trying { (session) throws(RegistryError) in
      let call = RegistryCall(
        method: "HEAD", address: try session.repositoryAddress("blobs/\(digest)"), scopes: self.scopes(session),
        asked: "looking for blob \(digest) at \(session.endpoint.name)", answers: [200, 404])
      let response = try session.send(call).response
      response.discard()
      return response.status == 200
    }
  }
}
