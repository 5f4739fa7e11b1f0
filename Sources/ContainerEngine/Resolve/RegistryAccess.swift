internal import Basics
internal import HTTP
internal import OCI
internal import Registry

extension Engine {
  /// A client for the repository of a reference.
  func registryClient(for reference: Reference) throws -> RegistryClient {
    let isHub = reference.domain == Reference.defaultDomain
    let host = isHub ? DockerHub.host : reference.domain
    let name = host.prefix { $0 != ":" }
    let isLoopback = name == "localhost" || name.hasPrefix("127.")
    let endpoint = RegistryEndpoint(
      base: try WebAddress(parsing: "\(isLoopback ? "http" : "https")://\(host)/"), repository: reference.path,
      isInsecure: isLoopback, trust: TLSTrust(), isMirror: false, name: reference.domain)
    return RegistryClient([endpoint], credentials: FixedCredentials())
  }
}
