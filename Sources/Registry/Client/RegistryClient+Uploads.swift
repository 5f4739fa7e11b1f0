internal import Basics
internal import HTTP
package import OCI

/// How a blob came to be in the repository.
package enum UploadOutcome: Equatable, Sendable {
  /// It was there.
  case present
  /// The registry took it from another of its repositories, whose path this is.
  case mounted(String)
  case uploaded
}

extension RegistryClient {
  /// Brings a blob into the repository: nothing is sent when it is there, or in a repository that the registry may take it
  /// from.
  /// - Parameters:
  ///   - file: descriptor of a file whose bytes, from its beginning, are the blob.
  ///   - sources: paths of other repositories of this registry that have the blob, as far as we know.
  ///   - chunk: bytes of one request; nil sends all in one.
  ///   - isMissing: it is known not to be there.
  ///   - progress: told how many bytes have been sent so far.
  package func uploadBlob(
    _ digest: Digest, size: Int64, file: Int32, mountingFrom sources: [String] = [], chunk: Int64? = nil,
    isMissing: Bool = false, progress: ((Int64) -> Void)? = nil
  ) throws(RegistryError) -> UploadOutcome {
    if !isMissing {
      if try hasBlob(digest) { return .present }
    }
    return try trying { (session) throws(RegistryError) in
      let (source, begun) = try self.mount(digest, fromAny: sources, session)
      if let source { return .mounted(source) }
      var upload = BlobUpload(
        session: session, scopes: self.scopes(session), retry: self.retryPolicy, digest: digest, file: file, size: size,
        chunk: chunk, progress: progress)
      try upload.run(begun)
      return .uploaded
    }
  }

  /// Asks the registry to take a blob from one of its other repositories; nothing is sent.
  /// - Returns: false when it does not.
  package func mountBlob(_ digest: Digest, from sources: [String]) throws(RegistryError) -> Bool {
    if sources.isEmpty { return false }
    return try trying { (session) throws(RegistryError) in
      let (source, begun) = try self.mount(digest, fromAny: sources, session)
      if let begun { self.cancel(begun, session) }
      return source != nil
    }
  }

  /// The repository that it was mounted from, or else perhaps an upload that the registry began instead.
  private func mount(
    _ digest: Digest, fromAny sources: [String], _ session: RegistrySession
  ) throws(RegistryError) -> (source: String?, begun: WebAddress?) {
    var begun: WebAddress?
    for source in sources.prefix(Self.mountAttempts) {
      if let location = begun { cancel(location, session) }
      begun = nil
      switch try mount(digest, from: source, session) {
      case .mounted: return (source, nil)
      case .begun(let location): begun = location
      case .refused: break
      }
    }
    return (nil, begun)
  }

  /// Repositories that are tried as the source of a mount.
  static let mountAttempts = 3

  private enum MountAnswer {
    case mounted, refused
    /// The registry did not mount it and began an upload instead.
    case begun(WebAddress)
  }

  /// Tells the registry that nothing more comes of an upload; one that does not listen sweeps it some day.
  private func cancel(_ location: WebAddress, _ session: RegistrySession) {
    var call = RegistryCall(
      method: "DELETE", address: location, scopes: scopes(session), asked: "", answers: [200, 202, 204])
    call.isRepeatable = false
    (try? session.send(call))?.response.discard()
  }

  /// Asks the registry to take a blob from another of its repositories (distribution spec end-11).
  private func mount(
    _ digest: Digest, from source: String, _ session: RegistrySession
  ) throws(RegistryError) -> MountAnswer {
    let asked = "mounting blob \(digest) from \(safeText(source)) at \(session.endpoint.name)"
    let plain = try session.repositoryAddress("blobs/uploads/")
    let address: WebAddress
    do throws(HTTPFailure) {
      address = try plain.adding(
        query: [(name: "mount", value: digest.description), (name: "from", value: source)])
    } catch { return .refused }
    // Reading the other repository is what a mount needs and nothing else does.
    let call = RegistryCall(
      method: "POST", address: address, scopes: scopes(session) + [.repository(source, [.pull])], asked: asked,
      answers: [201, 202, 400, 401, 403, 404, 405])
    let (response, answered) = try session.send(call)
    response.discard()
    switch response.status {
    case 201: return .mounted
    case 202: return .begun(try session.uploadLocation(response, answered, asked))
    default: return .refused
    }
  }
}
