internal import Basics
internal import HTTP
package import OCI

/// A manifest or index as a registry gave it.
package struct RemoteManifest: Equatable, Sendable {
  package var bytes: [UInt8]
  /// The `Content-Type`, nil when the registry gave none that says anything.
  package var mediaType: MediaType?
  /// Of the bytes.
  package var digest: Digest

  /// What the bytes are, told once and for good (SECURITY B2).
  package func document() throws(OCIFormatError) -> ManifestDocument {
    try ManifestDocument(parsing: bytes, declared: mediaType)
  }
}

extension RegistryClient {
  /// All that we know to read; a registry converts for who leaves one out.
  static let manifestTypes: [MediaType] = [
    .ociManifest, .ociIndex, .dockerManifest, .dockerManifestList, .dockerSchema1Signed,
  ]

  /// What a tag stands for now: one HEAD, which rate limits do not count. A registry that does not answer HEAD is asked
  /// for the manifest.
  /// - Throws: `notFound` when there is no such manifest.
  package func resolve(_ name: ManifestName) throws(RegistryError) -> Descriptor {
    try trying { (session) throws(RegistryError) in
      var call = try manifestCall("HEAD", name, session)
      // 400 and 405 are what registries without HEAD say; every other refusal comes with words only by GET.
      call.answers = [200, 400, 401, 403, 404, 405]
      let (response, _) = try session.send(call)
      response.discard()
      if response.status == 200, let descriptor = self.descriptor(response, name) { return descriptor }
      let manifest = try self.manifest(name, session)
      return Descriptor(
        mediaType: manifest.mediaType ?? .ociManifest, digest: manifest.digest, size: Int64(manifest.bytes.count))
    }
  }

  /// A manifest or index, its bytes checked against the digest it was asked by, or that the registry says it has
  /// (SECURITY B1).
  package func manifest(_ name: ManifestName) throws(RegistryError) -> RemoteManifest {
    try trying { (session) throws(RegistryError) in try self.manifest(name, session) }
  }

  private func manifestCall(
    _ method: String, _ name: ManifestName, _ session: RegistrySession
  ) throws(RegistryError) -> RegistryCall {
    var call = RegistryCall(
      method: method, address: try session.repositoryAddress("manifests/\(name)"), scopes: scopes(session),
      asked: "manifest \(name) at \(session.endpoint.name)", answers: [200])
    for type in Self.manifestTypes { call.headers.add("Accept", type.rawValue) }
    return call
  }

  private func manifest(
    _ name: ManifestName, _ session: RegistrySession
  ) throws(RegistryError) -> RemoteManifest {
    let call = try manifestCall("GET", name, session)
    let (response, address) = try session.send(call)
    let bytes = try session.body(response, limit: RegistryLimits.manifestBytes, call, address)
    let digest = SHA256Stream.digest(bytes)
    if case .digest(let wanted) = name { try check(digest, wanted, call, session) }
    // Said of these bytes by the registry itself; by a tag it is all there is to hold them against.
    if let told = self.digest(response), told.algorithm == .sha256 { try check(digest, told, call, session) }
    return RemoteManifest(bytes: bytes, mediaType: mediaType(response), digest: digest)
  }

  private func check(
    _ found: Digest, _ wanted: Digest, _ call: RegistryCall, _ session: RegistrySession
  ) throws(RegistryError) {
    guard wanted.algorithm == .sha256 else {
      throw RegistryError(.unsupported, call.asked, "only sha256 digests can be checked")
    }
    guard found == wanted else {
      throw RegistryError(
        .corrupt, call.asked, "\(session.endpoint.name) gives bytes with the digest \(found), not \(wanted)")
    }
  }

  private func descriptor(_ response: HTTPResponse, _ name: ManifestName) -> Descriptor? {
    guard let digest = digest(response), let type = mediaType(response), let size = response.length, size > 0 else {
      return nil
    }
    if case .digest(let wanted) = name, wanted != digest { return nil }
    return Descriptor(mediaType: type, digest: digest, size: size)
  }

  /// The registry's `Docker-Content-Digest`. One that is no digest is as good as none: what counts is computed.
  func digest(_ response: HTTPResponse) -> Digest? {
    response.headers.first("Docker-Content-Digest").flatMap { try? Digest(parsing: $0) }
  }

  /// Types that web servers give to what they do not know say nothing.
  private func mediaType(_ response: HTTPResponse) -> MediaType? {
    guard let type = response.headers.first("Content-Type").map(MediaType.init(header:)) else { return nil }
    return ["", "application/json", "text/plain", "application/octet-stream"].contains(type.rawValue) ? nil : type
  }
}

extension RegistryClient {
  /// Stores a manifest or index under a tag or its digest. What it refers to must be there.
  /// - Returns: whether the registry lists it by its `subject` itself (distribution spec 1.1, `OCI-Subject`).
  @discardableResult
  package func putManifest(
    _ bytes: [UInt8], mediaType: MediaType, as name: ManifestName
  ) throws(RegistryError) -> Bool {
    try trying { (session) throws(RegistryError) in
      var call = RegistryCall(
        method: "PUT", address: try session.repositoryAddress("manifests/\(name)"), scopes: self.scopes(session),
        asked: "storing manifest \(name) at \(session.endpoint.name)", answers: [200, 201, 202])
      call.headers.add("Content-Type", mediaType.rawValue)
      call.body = .bytes(bytes)
      let (response, _) = try session.send(call)
      response.discard()
      let digest = SHA256Stream.digest(bytes)
      // Success is never told without the digest being right (SECURITY B17).
      if let told = self.digest(response), told.algorithm == .sha256, told != digest {
        throw RegistryError(
          .corrupt, call.asked, "the registry says it stored \(told), but what was sent is \(digest)")
      }
      return response.headers.first("OCI-Subject") != nil
    }
  }

  /// Deletes a manifest, or with a tag that tag where the registry can (distribution spec end-9).
  package func deleteManifest(_ name: ManifestName) throws(RegistryError) {
    try trying { (session) throws(RegistryError) in
      let call = RegistryCall(
        method: "DELETE", address: try session.repositoryAddress("manifests/\(name)"), scopes: self.scopes(session),
        asked: "deleting manifest \(name) at \(session.endpoint.name)", answers: [200, 202])
      try session.send(call).response.discard()
    }
  }
}
