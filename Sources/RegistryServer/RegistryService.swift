internal import Basics
internal import Glibc
package import HTTP
internal import LinuxKernel
package import OCI
package import Storage

/// A manifest that a client pushed: its bytes are parsed, its digest checked, and what it needs is not looked at yet.
package struct PushedManifest {
  package var bytes: [UInt8]
  package var descriptor: Descriptor
  package var document: ManifestDocument
  /// The name the image gets: with a tag, or with the digest when it was pushed by digest.
  package var name: Reference
  /// The name with the manifest's digest.
  package var digestName: Reference
}

/// Who makes images of manifests and uploaded blobs: the engine, which unpacks layers.
package protocol ManifestPublisher {
  /// Checks and unpacks the image, all or nothing, and gives it its name.
  /// - Throws: `RegistryError` for what the client did wrong.
  func publish(_ manifest: PushedManifest, uploads: UploadArea) throws
}

/// The distribution protocol over one connection. Everything about the client is hostile; nothing in memory outlives it.
package final class RegistryService {
  private let contents: RegistryContents
  /// Nil: nothing may be changed.
  private let uploads: UploadArea?
  private let publisher: (any ManifestPublisher)?
  /// Hashes of uploads that this connection wrote, so that their bytes are not read again.
  private var hashes: [String: SHA256Stream] = [:]

  package init(_ directory: StateDirectory, uploads: UploadArea?, publisher: (any ManifestPublisher)?) {
    contents = RegistryContents(directory)
    self.uploads = uploads
    self.publisher = publisher
  }

  /// Answers requests until the client is done.
  package func serve(_ connection: HTTPServerConnection) throws(HTTPFailure) {
    while let request = try connection.nextRequest() { try answer(request) }
  }

  /// Answers one request; failures become answers, except those of the connection.
  package func answer(_ request: HTTPServerRequest) throws(HTTPFailure) {
    do { try route(request) } catch let error as HTTPFailure {
      guard !request.isAnswered, error.kind == .limit else { throw error }
      try respond(request, RegistryError(413, .sizeInvalid, error.text))
    } catch let error as RegistryError {
      try respond(request, error)
    } catch let error as EngineError {
      try respond(request, RegistryError(error))
    } catch let error as SystemError {
      try respond(request, RegistryError(error.engineError("serving \(request.method) \(request.path)")))
    } catch {
      try respond(request, RegistryError(500, .unknown, "\(error)"))
    }
  }

  private func respond(_ request: HTTPServerRequest, _ error: RegistryError) throws(HTTPFailure) {
    let entry: JSON = ["code": .string(error.code.rawValue), "message": .string(error.message)]
    let body: JSON = ["errors": .array([entry])]
    try respondJSON(request, error.status, body)
  }

  private func respondJSON(
    _ request: HTTPServerRequest, _ status: Int, _ body: JSON, type: String = "application/json",
    _ headers: HTTPHeaders = [:]
  ) throws(HTTPFailure) {
    var all = headers
    all.add("Content-Type", type)
    try send(request, status, all, .bytes(body.bytes()))
  }

  private func send(
    _ request: HTTPServerRequest, _ status: Int, _ headers: HTTPHeaders, _ body: HTTPBody = .none
  ) throws(HTTPFailure) {
    var all = headers
    // Docker's clients ask for it before they speak this protocol.
    all.add("Docker-Distribution-Api-Version", "registry/2.0")
    try request.respond(status, all, body)
  }

  private func route(_ request: HTTPServerRequest) throws {
    let route = try RegistryRoute(path: request.path)
    let isRead = request.method == "GET" || request.method == "HEAD"
    if !isRead, uploads == nil { throw RegistryError(405, .unsupported, "this registry is read-only") }
    switch (route, request.method) {
    case (.version, "GET"), (.version, "HEAD"): try respondJSON(request, 200, [:])
    case (.catalog, "GET"): try list(request, "repositories", of: nil, try contents.repositories())
    case (.tags(let repository), "GET"):
      guard let tags = try contents.tags(repository) else { throw Self.unknown(repository) }
      try list(request, "tags", of: repository, tags)
    case (.manifest(let repository, let key), _) where isRead: try sendManifest(request, repository, key)
    case (.manifest(let repository, let key), "PUT"): try takeManifest(request, repository, key)
    case (.manifest(let repository, let key), "DELETE"):
      guard try contents.delete(key, in: repository) else { throw Self.unknownManifest }
      try send(request, 202, [:])
    case (.blob(_, let digest), _) where isRead: try sendBlob(request, digest)
    case (.blob(_, let digest), "DELETE"): try deleteBlob(request, digest)
    case (.referrers(let repository, let digest), "GET"): try sendReferrers(request, repository, digest)
    case (.uploads(let repository), "POST"): try beginUpload(request, repository)
    case (.upload(let repository, let id), _): try upload(request, repository, id)
    default: throw RegistryError(405, .unsupported, "the endpoint has no such method")
    }
  }

  private static func unknown(_ repository: String) -> RegistryError {
    RegistryError(404, .nameUnknown, "there is no repository \(repository)")
  }
  private static let unknownManifest = RegistryError(404, .manifestUnknown, "there is no such manifest")

  // Content discovery.

  /// Names after `last`, at most `n`, with a link to the next page.
  private func list(_ request: HTTPServerRequest, _ member: String, of repository: String?, _ names: [String]) throws {
    var page = names
    let query = request.query
    if let last = query.first(where: { $0.name == "last" })?.value {
      page = page.filter { last.utf8.lexicographicallyPrecedes($0.utf8) }
    }
    var headers: HTTPHeaders = [:]
    if let text = query.first(where: { $0.name == "n" })?.value {
      guard let count = Int(text), count >= 0 else {
        throw RegistryError(400, .unsupported, "n is not a number of names")
      }
      let hasMore = page.count > count
      page = Array(page.prefix(count))
      if hasMore, let last = page.last {
        headers.add("Link", "<\(request.path)?n=\(count)&last=\(percentEncoded(last))>; rel=\"next\"")
      }
    }
    var body = JSONBuilder()
    body.set("name", repository)
    body.set(member, JSON.array(page.map(JSON.string)))
    try respondJSON(request, 200, body.json, headers)
  }

  /// All repositories share the store, so that a blob goes from all of them, once nothing needs it.
  private func deleteBlob(_ request: HTTPServerRequest, _ digest: Digest) throws {
    let wasUploaded = try uploadArea().remove(digest)
    switch try contents.delete(blob: digest) {
    case .deleted: break
    case .unknown:
      guard wasUploaded else { throw RegistryError(404, .blobUnknown, "there is no such blob") }
    case .needed:
      throw RegistryError(405, .unsupported, "an image needs the blob: delete its manifest first")
    }
    try send(request, 202, [:])
  }

  private func sendReferrers(_ request: HTTPServerRequest, _ repository: String, _ digest: Digest) throws {
    var list = try contents.referrers(digest, in: repository)
    var headers: HTTPHeaders = [:]
    if let type = request.query.first(where: { $0.name == "artifactType" })?.value {
      list = list.filter { $0.artifactType == type }
      headers.add("OCI-Filters-Applied", "artifactType")
    }
    try respondJSON(
      request, 200, ImageIndex(manifests: list).json, type: MediaType.ociIndex.rawValue, headers)
  }

  // Pull.

  private func sendManifest(
    _ request: HTTPServerRequest, _ repository: String, _ key: RegistryRoute.ManifestKey
  ) throws {
    guard let document = try contents.document(key, in: repository) else { throw Self.unknownManifest }
    let headers: HTTPHeaders = [
      "Content-Type": document.mediaType.rawValue, "Docker-Content-Digest": document.digest.description,
      "ETag": "\"\(document.digest)\"",
    ]
    try send(request, 200, headers, .bytes(try contents.read(document)))
  }

  private func sendBlob(_ request: HTTPServerRequest, _ digest: Digest) throws {
    guard let blob = try contents.blob(digest) ?? uploads?.blob(digest) else {
      throw RegistryError(404, .blobUnknown, "there is no such blob")
    }
    defer { File.close(blob.file) }
    var headers: HTTPHeaders = [
      "Content-Type": "application/octet-stream", "Docker-Content-Digest": digest.description,
      "ETag": "\"\(digest)\"", "Accept-Ranges": "bytes", "Cache-Control": "max-age=31536000, immutable",
    ]
    switch ByteRange.asked(by: request.headers, etag: "\"\(digest)\"", size: blob.size) {
    case .whole:
      let body = HTTPBody.file(descriptor: blob.file, offset: 0, count: blob.size, onProgress: nil)
      try send(request, 200, headers, body)
    case .part(let range):
      headers.add("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(blob.size)")
      let count = range.upperBound - range.lowerBound
      let body = HTTPBody.file(descriptor: blob.file, offset: range.lowerBound, count: count, onProgress: nil)
      try send(request, 206, headers, body)
    case .unsatisfiable:
      try send(request, 416, ["Content-Range": "bytes */\(blob.size)"])
    }
  }

  // Push.

  private func uploadArea() throws(RegistryError) -> UploadArea {
    guard let uploads else { throw RegistryError(405, .unsupported, "this registry is read-only") }
    return uploads
  }

  private func beginUpload(_ request: HTTPServerRequest, _ repository: String) throws {
    let area = try uploadArea()
    let query = request.query
    if let mount = query.first(where: { $0.name == "mount" })?.value {
      let digest = try Self.digest(mount)
      // All repositories share the store: a blob that is here is in each of them.
      if try contents.blobSize(digest) != nil || area.size(digest) != nil {
        return try sendCreated(request, repository, digest)
      }
    }
    let id = try area.begin()
    guard let text = query.first(where: { $0.name == "digest" })?.value else {
      return try send(request, 202, Self.progress(repository, id, 0))
    }
    guard let upload = try area.open(id) else { throw Self.unknownUpload }
    try finish(upload, request, repository, try Self.digest(text))
  }

  private static let unknownUpload = RegistryError(404, .blobUploadUnknown, "there is no such upload")

  private static func progress(_ repository: String, _ id: String, _ size: Int64) -> HTTPHeaders {
    [
      "Location": "/v2/\(repository)/blobs/uploads/\(id)", "Range": "0-\(max(0, size - 1))", "Docker-Upload-UUID": id,
    ]
  }

  private static func digest(_ text: String) throws(RegistryError) -> Digest {
    do throws(OCIFormatError) {
      let digest = try Digest(parsing: text)
      guard digest.algorithm == .sha256 else {
        throw OCIFormatError("digest", "only sha256 digests can be checked here")
      }
      return digest
    } catch { throw RegistryError(400, .digestInvalid, error.reason) }
  }

  private func upload(_ request: HTTPServerRequest, _ repository: String, _ id: String) throws {
    guard let upload = try uploadArea().open(id) else { throw Self.unknownUpload }
    switch request.method {
    case "GET":
      let size = try upload.size()
      upload.release()
      try send(request, 204, Self.progress(repository, id, size))
    case "DELETE":
      try upload.discard()
      upload.release()
      hashes[id] = nil
      try send(request, 204, [:])
    case "PATCH":
      try append(upload, request, repository)
      if request.isAnswered { return }
      let size = try upload.size()
      upload.release()
      try send(request, 202, Self.progress(repository, id, size))
    case "PUT":
      guard let text = request.query.first(where: { $0.name == "digest" })?.value else {
        throw RegistryError(400, .digestInvalid, "the digest is missing")
      }
      try finish(upload, request, repository, try Self.digest(text))
    default: throw RegistryError(405, .unsupported, "the endpoint has no such method")
    }
  }

  /// Takes the body of a request, which must begin where the upload ends.
  private func append(_ upload: Upload, _ request: HTTPServerRequest, _ repository: String) throws {
    let size = try upload.size()
    var expected: Int64?
    if let text = request.headers.first("Content-Range") {
      guard let range = ByteRange.content(text), range.lowerBound == size else {
        // The client learns where to go on.
        upload.release()
        return try send(request, 416, Self.progress(repository, upload.id, size))
      }
      // The end of a range is a count at most, so that this does not overflow.
      expected = range.upperBound - range.lowerBound
    }
    var hash = hashes[upload.id] ?? SHA256Stream()
    if hash.count != size { hash = try upload.hash() }
    hashes[upload.id] = nil
    try upload.append(&hash) { try request.read(into: $0) }
    if let expected, hash.count - size - 1 != expected {
      try upload.truncate(to: size)
      throw RegistryError(
        400, .sizeInvalid, "the chunk has \(hash.count - size) bytes, and its Content-Range says another number")
    }
    hashes[upload.id] = hash
  }

  private func finish(_ upload: Upload, _ request: HTTPServerRequest, _ repository: String, _ digest: Digest) throws {
    try append(upload, request, repository)
    if request.isAnswered { return }
    guard let hash = hashes.removeValue(forKey: upload.id) else { throw Self.unknownUpload }
    guard hash.digest == digest else {
      try upload.discard()
      throw RegistryError(400, .digestInvalid, "the content has the digest \(hash.digest)")
    }
    try upload.complete(as: digest)
    try sendCreated(request, repository, digest)
  }

  private func sendCreated(_ request: HTTPServerRequest, _ repository: String, _ digest: Digest) throws {
    let headers: HTTPHeaders = [
      "Location": "/v2/\(repository)/blobs/\(digest)", "Docker-Content-Digest": digest.description,
    ]
    try send(request, 201, headers)
  }

  private func takeManifest(
    _ request: HTTPServerRequest, _ repository: String, _ key: RegistryRoute.ManifestKey
  ) throws {
    guard let publisher, let base = RepositoryName.pushed(repository) else {
      throw RegistryError(405, .unsupported, "this registry is read-only")
    }
    let bytes = try request.readAll(limit: OCILimits.documentBytes)
    let digest = SHA256Stream.digest(bytes)
    var name = base.with(digest: digest)
    switch key {
    case .digest(let wanted):
      guard wanted == digest else {
        throw RegistryError(400, .digestInvalid, "the manifest has the digest \(digest)")
      }
    case .tag(let tag): name = base.with(tag: tag) ?? name
    }
    let manifest = try parse(bytes, digest, name, base, request.headers.first("Content-Type"))
    try publisher.publish(manifest, uploads: try uploadArea())
    var headers: HTTPHeaders = [
      "Location": "/v2/\(repository)/manifests/\(digest)", "Docker-Content-Digest": digest.description,
    ]
    let subject =
      switch manifest.document {
      case .manifest(let image): image.subject
      case .index(let index): index.subject
      }
    if let subject { headers.add("OCI-Subject", subject.digest.description) }
    try send(request, 201, headers)
  }

  private func parse(
    _ bytes: [UInt8], _ digest: Digest, _ name: Reference, _ base: Reference, _ type: String?
  ) throws(RegistryError) -> PushedManifest {
    do throws(OCIFormatError) {
      let declared = type.map { MediaType(header: $0) }
      let document = try ManifestDocument(parsing: bytes, declared: declared)
      let mediaType =
        switch document {
        case .manifest(let manifest): manifest.mediaType
        case .index(let index): index.mediaType
        }
      let descriptor = Descriptor(mediaType: mediaType, digest: digest, size: Int64(bytes.count))
      return PushedManifest(
        bytes: bytes, descriptor: descriptor, document: document, name: name, digestName: base.with(digest: digest))
    } catch { throw RegistryError(400, .manifestInvalid, "\(error.subject) \(error.reason)") }
  }
}

extension RegistryError {
  /// A failure of ours as its client sees it.
  init(_ error: EngineError) {
    switch error.kind {
    case .corrupt, .invalidInput: self.init(400, .manifestInvalid, error.reason)
    case .unsupported: self.init(400, .unsupported, error.reason)
    case .inUse: self.init(409, .blobUploadInvalid, error.reason)
    case .denied: self.init(403, .denied, error.reason)
    case .limitReached: self.init(507, .unknown, error.reason)
    default: self.init(500, .unknown, "\(error.doing): \(error.reason)")
    }
  }
}
