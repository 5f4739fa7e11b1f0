package import Basics
internal import OCI
internal import Registry
internal import Storage

extension Engine {
  /// Looks for repositories: at the registry that the term begins with, else at those of `unqualified-search-registries`,
  /// else at Docker Hub.
  package func searchImages(_ request: SearchRequest) throws(EngineError) -> [FoundRepository] {
    let doing = "searching \(safeText(request.term))"
    return try during(doing) {
      if request.listsTags { return try listTags(request) }
      var found: [FoundRepository] = []
      for (registry, term) in try searchPlaces(request.term) {
        let client = try registryClient(
          for: try Reference(parsing: "\(registry)/search"), access: request.access)
        for result in try client.search(term, limit: request.limit) {
          let name = registry == Reference.defaultDomain ? result.name : "\(registry)/\(result.name)"
          found.append(
            FoundRepository(
              registry: registry, name: name, description: result.description, stars: result.stars,
              isOfficial: result.isOfficial, isAutomated: result.isAutomated))
        }
      }
      return Array(found.prefix(request.limit))
    }
  }

  /// Registries to ask, and what to ask them for.
  private func searchPlaces(_ text: String) throws -> [(registry: String, term: String)] {
    if let slash = text.firstIndex(of: "/") {
      let first = String(text[..<slash])
      let rest = String(text[text.index(after: slash)...])
      if first == "index.docker.io" || first == Reference.defaultDomain { return [(Reference.defaultDomain, rest)] }
      // docker's rule for what is a registry.
      if first == "localhost" || first.contains(".") || first.contains(":") { return [(first, rest)] }
    }
    let candidates = try registryConfiguration().candidates(for: "search")
    return candidates.map { ($0.domain, text) }
  }

  private func listTags(_ request: SearchRequest) throws -> [FoundRepository] {
    let reference = try Reference(parsing: request.term)
    let client = try registryClient(for: reference, access: request.access)
    return try client.tags(limit: request.limit).prefix(request.limit).map {
      FoundRepository(registry: reference.domain, name: reference.name, tag: $0)
    }
  }
}
