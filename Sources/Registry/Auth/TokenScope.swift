/// What is done with a repository: the least that is needed is asked for (SECURITY B6).
package enum RegistryAction: String, Comparable, Sendable, CaseIterable {
  case delete, pull, push

  package static func < (a: RegistryAction, b: RegistryAction) -> Bool { a.rawValue < b.rawValue }
}

/// What a token is good for, `repository:library/alpine:pull` (distribution, token/scope.md). Always ours, never one a
/// registry's challenge names: a challenge could ask for another repository or for more.
package struct TokenScope: Hashable, Sendable {
  package let text: String

  package static func repository(_ path: String, _ actions: [RegistryAction]) -> TokenScope {
    TokenScope(text: "repository:\(path):\(actions.sorted().map(\.rawValue).joined(separator: ","))")
  }

  package static let catalog = TokenScope(text: "registry:catalog:*")
}
