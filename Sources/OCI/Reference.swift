import Basics

/// The name of an image in the grammar of docker's distribution project (reference package 0.6), normalized: it always
/// has a domain and a path; `busybox` is `docker.io/library/busybox`.
///
///     reference := [domain "/"] path [":" tag] ["@" digest]
package struct Reference: Hashable, Sendable, CustomStringConvertible {
  /// Registry host, with its port if it has one.
  package let domain: String
  /// Repository within the registry.
  package let path: String
  package let tag: String?
  package let digest: Digest?

  package static let defaultDomain = "docker.io"
  package static let defaultTag = "latest"
  static let officialPrefix = "library/"

  private init(domain: String, path: String, tag: String?, digest: Digest?) {
    self.domain = domain
    self.path = path
    self.tag = tag
    self.digest = digest
  }

  /// Parses a name as a person types it. The errors are docker's.
  package init(parsing text: String) throws(OCIFormatError) {
    let subject = "\"\(safeText(String(text.prefix(300))))\""
    func invalid(_ reason: String) -> OCIFormatError { OCIFormatError(subject, reason) }
    guard !Identifier.isID(text) else {
      throw invalid("invalid repository name, cannot specify 64-byte hexadecimal strings")
    }
    let (domain, remainder) = splitDomain(text)
    let beforeTag = remainder.prefix { $0 != ":" && $0 != "@" }
    guard !beforeTag.utf8.contains(where: { (0x41...0x5A).contains($0) }) else {
      throw invalid("invalid reference format: repository name (\(safeText(String(beforeTag)))) must be lowercase")
    }
    var rest = remainder[...]
    var digest: Digest?
    if let at = rest.firstIndex(of: "@") {
      do throws(OCIFormatError) { digest = try Digest(parsing: rest[rest.index(after: at)...]) } catch {
        throw invalid("invalid reference format: \(error.subject): \(error.reason)")
      }
      rest = rest[..<at]
    }
    var tag: String?
    if let colon = rest.firstIndex(of: ":") {
      tag = String(rest[rest.index(after: colon)...])
      rest = rest[..<colon]
    }
    guard ReferenceGrammar.isDomain(domain), ReferenceGrammar.isPath(rest),
      tag.map({ ReferenceGrammar.isTag($0) }) ?? true
    else { throw invalid("invalid reference format") }
    guard rest.utf8.count <= ReferenceGrammar.pathBytes else {
      throw invalid("repository name must not be more than \(ReferenceGrammar.pathBytes) characters")
    }
    self.init(domain: domain, path: String(rest), tag: tag, digest: digest)
  }

  /// The complete normalized form: what the store writes and compares.
  package var description: String { name + (tag.map { ":" + $0 } ?? "") + (digest.map { "@\($0)" } ?? "") }

  /// Domain and path, without tag and digest.
  package var name: String { "\(domain)/\(path)" }

  /// The short form docker shows: `busybox:1.36` for `docker.io/library/busybox:1.36`.
  package var familiar: String { familiarName + (tag.map { ":" + $0 } ?? "") + (digest.map { "@\($0)" } ?? "") }

  /// The short form of the name alone: the REPOSITORY column of docker's lists.
  package var familiarName: String {
    guard domain == Self.defaultDomain else { return name }
    let rest = path.dropFirst(Self.officialPrefix.count)
    return path.hasPrefix(Self.officialPrefix) && !rest.contains("/") ? String(rest) : path
  }

  /// This name with tag `latest` when it has neither tag nor digest.
  package var withDefaultTag: Reference {
    tag == nil && digest == nil ? Reference(domain: domain, path: path, tag: Self.defaultTag, digest: nil) : self
  }

  /// The same repository with another tag, nil when that is no tag.
  package func with(tag: String) -> Reference? {
    ReferenceGrammar.isTag(tag) ? Reference(domain: domain, path: path, tag: tag, digest: nil) : nil
  }

  package func with(digest: Digest) -> Reference { Reference(domain: domain, path: path, tag: tag, digest: digest) }

  /// The same name and tag without a digest.
  package var withoutDigest: Reference { Reference(domain: domain, path: path, tag: tag, digest: nil) }

  /// The same name and digest without a tag.
  package var withoutTag: Reference { Reference(domain: domain, path: path, tag: nil, digest: digest) }

  /// The other spelling of a local build's name: podman calls it `localhost/x`, docker `x`, and both find it
  /// (FEATURES 10). Nil for names of any other registry.
  package var localAlternative: Reference? {
    switch domain {
    case "localhost":
      return Reference(
        domain: Self.defaultDomain, path: path.contains("/") ? path : Self.officialPrefix + path, tag: tag,
        digest: digest)
    case Self.defaultDomain:
      return Reference(domain: "localhost", path: familiarName, tag: tag, digest: digest)
    default:
      return nil
    }
  }
}

/// Docker's rule for what before the first slash is a registry: it has a dot, a colon or an upper-case letter, or is
/// `localhost`. A name of one component is one of docker.io's own.
private func splitDomain(_ text: String) -> (domain: String, remainder: String) {
  guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else {
    return (Reference.defaultDomain, Reference.officialPrefix + text)
  }
  let first = String(text[..<slash])
  let rest = String(text[text.utf8.index(after: slash)...])
  let isDomain =
    first == "localhost"
    || first.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") || (0x41...0x5A).contains($0) }
  let domain = !isDomain || first == "index.docker.io" ? Reference.defaultDomain : first
  let remainder = isDomain ? rest : text
  let isOfficial = domain == Reference.defaultDomain && !remainder.utf8.contains(UInt8(ascii: "/"))
  return (domain, isOfficial ? Reference.officialPrefix + remainder : remainder)
}
