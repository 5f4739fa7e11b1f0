internal import Basics
internal import HTTP

/// A repository that a search found.
package struct SearchResult: Equatable, Sendable {
  /// Path within the registry; of Docker Hub without `library/`.
  package var name: String
  package var description: String
  package var stars: Int64
  package var isOfficial: Bool
  package var isAutomated: Bool

  package init(
    name: String, description: String = "", stars: Int64 = 0, isOfficial: Bool = false, isAutomated: Bool = false
  ) {
    self.name = name
    self.description = description
    self.stars = stars
    self.isOfficial = isOfficial
    self.isAutomated = isAutomated
  }
}

extension RegistryClient {
  /// Repositories that match a word: by Docker Hub's `/v1/search`, and where a registry does not have it by its catalog,
  /// whose paths must have the word in them.
  package func search(_ term: String, limit: Int) throws(RegistryError) -> [SearchResult] {
    do throws(RegistryError) {
      return try trying { (session) throws(RegistryError) in try self.index(term, limit, session) }
    } catch {
      guard error.status >= 400, ![401, 403, 429].contains(error.status), error.status < 500 else { throw error }
    }
    do throws(RegistryError) {
      return try catalog().filter { term.isEmpty || $0.contains(term.lowercased()) }.prefix(limit)
        .map { SearchResult(name: safeText($0)) }
    } catch {
      guard [404, 405].contains(error.status) else { throw error }
      throw RegistryError(
        .unsupported, "searching \(endpoint.name)", "the registry has no search and does not tell its catalog",
        status: error.status)
    }
  }

  private func index(
    _ term: String, _ limit: Int, _ session: RegistrySession
  ) throws(RegistryError) -> [SearchResult] {
    let asked = "searching \(session.endpoint.name)"
    let address: WebAddress
    do throws(HTTPFailure) {
      var base = session.endpoint.base
      // The Hub's registry does not search; its index does.
      if base.host == DockerHub.host {
        base = try WebAddress(scheme: base.scheme, host: DockerHub.searchHost, port: base.port)
      }
      address = try base.resolving("/v1/search").adding(
        query: [(name: "q", value: term), (name: "n", value: "\(limit)")])
    } catch { throw RegistryError(.malformed, asked, safeText(error.text)) }
    let call = RegistryCall(method: "GET", address: address, scopes: [], asked: asked, answers: [200])
    let (response, answered) = try session.send(call)
    let body = try session.body(response, limit: RegistryLimits.answerBytes, call, answered)
    // No JSON has no results.
    guard let results = (try? JSON(parsing: body))?["results"]?.arrayValue else {
      throw session.malformed(asked, "answers with no list of results")
    }
    return results.prefix(limit).compactMap { result in
      guard let name = result["name"]?.stringValue else { return nil }
      return SearchResult(
        name: name, description: result["description"]?.stringValue ?? "",
        stars: result["star_count"]?.integerValue ?? 0, isOfficial: result["is_official"]?.boolValue ?? false,
        isAutomated: result["is_automated"]?.boolValue ?? false)
    }
  }
}
