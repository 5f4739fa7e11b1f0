internal import Basics
internal import HTTP
package import OCI

extension RegistryClient {
  /// The repository's tags, in the registry's order (distribution spec end-8).
  /// - Parameter limit: as many as are wanted; nil for all there are.
  package func tags(limit: Int? = nil) throws(RegistryError) -> [String] {
    try trying { (session) throws(RegistryError) in
      let asked = "tags at \(session.endpoint.name)"
      let first = try session.repositoryAddress("tags/list")
      let names = try self.pages(first, "tags", limit: limit, self.scopes(session), asked, session)
      // What is no tag can name nothing.
      return names.filter { ReferenceGrammar.isTag($0) }
    }
  }

  /// Paths of the registry's repositories, where it tells them.
  package func catalog(limit: Int? = nil) throws(RegistryError) -> [String] {
    try trying { (session) throws(RegistryError) in
      let asked = "catalog at \(session.endpoint.name)"
      return try self.pages(
        try session.address("_catalog"), "repositories", limit: limit, [.catalog], asked, session)
    }
  }

  /// Follows `Link: <…>; rel="next"` within bounds (SECURITY B7): pages stay at the registry's origin and never repeat.
  private func pages(
    _ first: WebAddress, _ member: String, limit: Int?, _ scopes: [TokenScope], _ asked: String,
    _ session: RegistrySession
  ) throws(RegistryError) -> [String] {
    var names: [String] = []
    var seen: Set<WebAddress> = []
    var next: WebAddress? = try limited(first, limit, session)
    while let address = next {
      guard seen.insert(address).inserted, seen.count <= RegistryLimits.pages else {
        throw RegistryError(.limit, asked, "the registry's list does not come to an end")
      }
      let call = RegistryCall(method: "GET", address: address, scopes: scopes, asked: asked, answers: [200])
      let (response, answered) = try session.send(call)
      let body = try session.body(response, limit: RegistryLimits.answerBytes, call, answered)
      // No JSON and no such member are one failure: no list.
      guard let json = try? JSON(parsing: body), case .object = json else {
        throw session.malformed(asked, "answers with no list")
      }
      // An empty list is null for some registries.
      names += (json[member]?.arrayValue ?? []).compactMap(\.stringValue)
      if let limit, names.count >= limit { return Array(names.prefix(limit)) }
      guard names.count <= RegistryLimits.listEntries else {
        throw RegistryError(.limit, asked, "more than \(RegistryLimits.listEntries) entries")
      }
      next = nil
      if let link = nextLink(response.headers.all("Link")) {
        let page = try session.resolve(link, answered)
        guard page.origin == session.endpoint.base.origin else {
          throw RegistryError(.refused, asked, "the list goes on at another host, \(safeText(page.authority))")
        }
        next = page
      }
    }
    return names
  }

  private func limited(
    _ address: WebAddress, _ limit: Int?, _ session: RegistrySession
  ) throws(RegistryError) -> WebAddress {
    guard let limit else { return address }
    do throws(HTTPFailure) { return try address.adding(query: [(name: "n", value: "\(limit)")]) } catch {
      throw RegistryError(.malformed, "", safeText(error.text))
    }
  }

  /// Manifests that refer to this one as their `subject`: signatures, bills of materials (distribution spec end-12). A
  /// registry without the referrers API keeps them in a tag made of the digest.
  package func referrers(of digest: Digest) throws(RegistryError) -> [Descriptor] {
    var answer = lacksReferrers ? nil : try referrersByAPI(digest)
    if answer == nil {
      lacksReferrers = true
      answer = try referrersByTag(digest)
    }
    guard let found = answer else { return [] }
    guard case .index(let index)? = try? found.document() else {
      throw RegistryError(.malformed, "referrers of \(digest)", "\(endpoint.name) answers with no image index")
    }
    return index.manifests
  }

  /// Nil when the registry has no such API.
  private func referrersByAPI(_ digest: Digest) throws(RegistryError) -> RemoteManifest? {
    try trying { (session) throws(RegistryError) in
      var call = RegistryCall(
        method: "GET", address: try session.repositoryAddress("referrers/\(digest)"), scopes: self.scopes(session),
        asked: "referrers of \(digest) at \(session.endpoint.name)", answers: [200, 404])
      call.headers.add("Accept", MediaType.ociIndex.rawValue)
      let (response, address) = try session.send(call)
      guard response.status == 200 else {
        response.discard()
        return nil
      }
      let bytes = try session.body(response, limit: RegistryLimits.manifestBytes, call, address)
      return RemoteManifest(bytes: bytes, mediaType: .ociIndex, digest: SHA256Stream.digest(bytes))
    }
  }

  /// Lists a manifest that was just stored in the tag of its subject's referrers, as clients do for registries that do not
  /// list it themselves (distribution spec, "Pushing Manifests with Subject").
  package func addReferrer(_ descriptor: Descriptor, to subject: Digest) throws(RegistryError) {
    var index = ImageIndex(manifests: [])
    if let known = try referrersByTag(subject) {
      guard case .index(let list)? = try? known.document() else {
        throw RegistryError(.malformed, "referrers of \(subject)", "\(endpoint.name) has no image index there")
      }
      index = list
    }
    guard !index.manifests.contains(where: { $0.digest == descriptor.digest }) else { return }
    index.manifests.append(descriptor)
    try putManifest(index.json.bytes(), mediaType: index.mediaType, as: .tag(Self.referrersTag(subject)))
  }

  /// The tag that holds a manifest's referrers where there is no API for them.
  package static func referrersTag(_ digest: Digest) -> String {
    "\(digest.algorithm.rawValue)-\(digest.hex.prefix(64))"
  }

  private func referrersByTag(_ digest: Digest) throws(RegistryError) -> RemoteManifest? {
    do throws(RegistryError) { return try manifest(.tag(Self.referrersTag(digest))) } catch {
      if error.kind == .notFound { return nil }
      throw error
    }
  }
}

/// The target of the first link with the relation `next` (RFC 8288); nil when there is none.
func nextLink(_ headers: [String]) -> String? {
  for header in headers {
    var rest = Substring(header)
    while let open = rest.firstIndex(of: "<"), let close = rest[open...].firstIndex(of: ">") {
      let target = rest[rest.index(after: open)..<close]
      let after = rest[rest.index(after: close)...]
      let end = after.firstIndex(of: "<") ?? after.endIndex
      let parameters = after[..<end].lowercased().split(whereSeparator: { $0 == ";" || $0 == "," || $0 == " " })
      if parameters.contains("rel=\"next\"") || parameters.contains("rel=next") { return String(target) }
      rest = after[end...]
    }
  }
  return nil
}
