/// What `search` looks for.
package struct SearchRequest: Sendable {
  /// As typed: a word, with the registry before it when it is not Docker Hub's.
  package var term: String
  package var limit = 25
  /// Tags of a repository instead of repositories.
  package var listsTags = false
  package var access = RegistryAccess()

  package init(term: String) { self.term = term }
}

/// A repository, or with `tag` one of its tags, that a search found.
package struct FoundRepository: Equatable, Sendable {
  /// The registry that was asked.
  package var registry: String
  /// The name to pull it by.
  package var name: String
  package var tag = ""
  package var description = ""
  package var stars: Int64 = 0
  package var isOfficial = false
  package var isAutomated = false
}
