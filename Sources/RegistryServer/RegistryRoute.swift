internal import HTTP
package import OCI

/// A request of the distribution specification 1.1, taken apart (section "Endpoints").
package enum RegistryRoute: Equatable, Sendable {
  /// end-1
  case version
  case catalog
  /// end-2, end-10
  case blob(repository: String, Digest)
  /// end-3, end-7, end-9
  case manifest(repository: String, ManifestKey)
  /// end-4, end-11
  case uploads(repository: String)
  /// end-5, end-6, end-13
  case upload(repository: String, id: String)
  /// end-8
  case tags(repository: String)
  /// end-12
  case referrers(repository: String, Digest)

  /// What a manifest is asked for by.
  package enum ManifestKey: Equatable, Sendable {
    case tag(String)
    case digest(Digest)
  }

  /// - Parameter path: of the request, still percent-encoded.
  /// - Throws: 404 for a path of no endpoint, 400 for a name, tag or digest that cannot be one.
  package init(path: String) throws(RegistryError) {
    guard let decoded = percentDecoded(path), decoded.utf8.count <= 1024 else { throw RegistryRoute.unknown }
    if decoded == "/v2/" || decoded == "/v2" {
      self = .version
      return
    }
    if decoded == "/v2/_catalog" {
      self = .catalog
      return
    }
    var parts = decoded.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count >= 5, parts[0].isEmpty, parts[1] == "v2" else { throw RegistryRoute.unknown }
    parts.removeFirst(2)
    // The name may have slashes and words of endpoints in it: what an endpoint is, its end tells.
    let last = parts.removeLast()
    let word = parts.removeLast()
    if word == "uploads", parts.last == "blobs" {
      let repository = try RegistryRoute.repository(parts.dropLast())
      self = last.isEmpty ? .uploads(repository: repository) : .upload(repository: repository, id: last)
      return
    }
    if last == "uploads", word == "blobs" {
      self = .uploads(repository: try RegistryRoute.repository(parts[...]))
      return
    }
    let repository = try RegistryRoute.repository(parts[...])
    switch (word, last) {
    case ("tags", "list"): self = .tags(repository: repository)
    case ("blobs", _): self = .blob(repository: repository, try RegistryRoute.digest(last))
    case ("referrers", _): self = .referrers(repository: repository, try RegistryRoute.digest(last))
    case ("manifests", _):
      if last.utf8.contains(UInt8(ascii: ":")) {
        self = .manifest(repository: repository, .digest(try RegistryRoute.digest(last)))
      } else {
        guard RegistryRoute.isTag(last) else {
          throw RegistryError(400, .manifestInvalid, "that cannot be a tag")
        }
        self = .manifest(repository: repository, .tag(last))
      }
    default: throw RegistryRoute.unknown
    }
  }

  private static let unknown = RegistryError(404, .unsupported, "there is no such endpoint")

  private static func isTag(_ text: String) -> Bool {
    // What no reference can be made with is no tag: the grammar has one home.
    (try? Reference(parsing: "localhost/x:" + text))?.tag == text
  }

  private static func repository(_ parts: ArraySlice<String>) throws(RegistryError) -> String {
    let name = parts.joined(separator: "/")
    guard RepositoryName.isValid(name) else {
      throw RegistryError(400, .nameInvalid, "that cannot be the name of a repository")
    }
    return name
  }

  private static func digest(_ text: String) throws(RegistryError) -> Digest {
    do throws(OCIFormatError) { return try Digest(parsing: text) } catch {
      throw RegistryError(400, .digestInvalid, error.reason)
    }
  }
}
