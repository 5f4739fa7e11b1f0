internal import Basics
internal import HTTP

/// Tokens by the registry's origin and the scopes they are for (SECURITY B6): never used for anything else.
package final class TokenCache {
  private struct Key: Hashable {
    var origin: WebAddress.Origin
    var scopes: [TokenScope]
  }

  private struct Entry {
    var token: String
    /// Nanoseconds of the monotonic clock.
    var expires: Int64
  }

  private var entries: [Key: Entry] = [:]

  package init() {}

  /// A token that is good for some seconds more.
  func token(_ origin: WebAddress.Origin, _ scopes: [TokenScope]) -> String? {
    guard let entry = entries[Key(origin: origin, scopes: scopes)], entry.expires > MonotonicClock.now else {
      return nil
    }
    return entry.token
  }

  /// - Parameter seconds: how long the service says it is good; kept within sane bounds and used for nine tenths of it.
  func store(_ token: String, _ origin: WebAddress.Origin, _ scopes: [TokenScope], seconds: Int64) {
    let bounds = RegistryLimits.tokenSeconds
    let sane = min(max(seconds, bounds.lowerBound), bounds.upperBound)
    let expires = MonotonicClock.now + sane * 900_000_000
    entries[Key(origin: origin, scopes: scopes)] = Entry(token: token, expires: expires)
  }

  func drop(_ origin: WebAddress.Origin, _ scopes: [TokenScope]) {
    entries[Key(origin: origin, scopes: scopes)] = nil
  }
}
