/// How `registry serve` serves the store.
package struct ServeRequest: Equatable, Sendable {
  package var host = "127.0.0.1"
  package var port: UInt16 = 5000
  package var isReadOnly = false
  /// PEM files of certificate and key; nil serves plain http.
  package var certificate: String?
  package var key: String?

  package init() {}
}
