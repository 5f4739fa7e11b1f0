internal import Basics
package import ContainerEngine

/// Flags of every command that talks to a registry.
package struct RegistryFlags: CommandOptions {
  package var access = RegistryAccess()

  package init() {}

  package static var flags: [Flag<RegistryFlags>] {
    [
      .text("authfile", nil, "file", "Path of the credentials file (default: see dhow-login(1))") {
        $0.access.authFile = $1
      }.completed(by: .files),
      .text("cert-dir", nil, "directory", "Directory of the registry's authority and client certificates") {
        $0.access.certificateDirectory = $1
      }.completed(by: .directories),
      .text("creds", nil, "user[:password]", "Credentials for the registry (others see them in the process list)") {
        try setCredentials(&$0.access, $1)
      },
      .toggle("tls-verify", nil, "Require HTTPS and verify certificates") { $0.access.verifiesTLS = $1 }
        .defaulting(to: "true"),
    ]
  }

  /// podman's flags of `pull` and `push` for registries that are slow or often fail.
  package static var retryFlags: [Flag<RegistryFlags>] {
    [
      .unsigned("retry", nil, "uint", "Number of times to retry in case of failure") {
        $0.access.retries = Int(clamping: min($1, 100))
      }.defaulting(to: "4"),
      .duration("retry-delay", nil, "Delay before the first retry, doubled with each one") {
        $0.access.retryPause = max($1 / 1_000_000, 1)
      },
    ]
  }

  private static func setCredentials(_ access: inout RegistryAccess, _ text: String) throws {
    guard !text.isEmpty, text.first != ":" else { throw FlagValueError("credentials can't be empty") }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    access.user = parts[0]
    access.password = parts.count > 1 ? parts[1] : nil
  }
}
