/// What proves to a registry who is asking. It shows itself nowhere: not in errors, logs or a debugger's text.
package enum Credential: Sendable, Equatable {
  case basic(user: String, secret: String)
  /// A refresh token for the token service (OAuth 2), `identitytoken` of docker's config.json.
  case identityToken(String)
  /// A bearer token to be sent as it is, `registrytoken` of docker's config.json.
  case registryToken(String)

  /// The name of who logs in, nil for tokens.
  package var user: String? {
    if case .basic(let user, _) = self { user } else { nil }
  }
}

extension Credential: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { "a credential" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
