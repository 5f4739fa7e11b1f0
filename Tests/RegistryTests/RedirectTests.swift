import Basics
import HTTP
import OCI
import Registry
import TestSupport
import Testing

/// SECURITY B4 and B5 over TLS: where credentials go, and whom a registry can send us to.
struct RedirectTests {
  private static let secret = Credential.basic(user: "al", secret: "s3cret-of-the-registry")
  private let blob = pattern(5000)

  /// A registry over TLS that wants a password for its blob and then sends elsewhere.
  private func registry(_ location: String) throws -> RegistryDouble {
    let path = JSON.string("/v2/app/blobs/\(SHA256Stream.digest(blob))")
    return try RegistryDouble(
      routes: [
        ["path": path, "unwanted": ["Authorization"], "status": 401, "headers": ["WWW-Authenticate": "Basic realm=x"]],
        ["path": path, "status": 307, "headers": ["Location": .string(location)]],
      ], tls: TestAuthority.shared.get().issue("registry"))
  }

  private func storage(_ identity: TestAuthority.Identity?) throws -> RegistryDouble {
    try RegistryDouble(routes: [["path": "/store", "base64": .string(base64Encoded(blob))]], tls: identity)
  }

  private func client(_ registry: RegistryDouble, verify: Bool = true) throws -> RegistryClient {
    let trust = TLSTrust(verify: verify, extraAuthorities: [try TestAuthority.shared.get().certificate])
    let endpoint = RegistryEndpoint(
      base: try WebAddress(parsing: "https://\(registry.authority)/"), repository: "app", isInsecure: !verify,
      trust: trust, isMirror: false, name: registry.authority)
    return RegistryClient(
      [endpoint], credentials: FixedCredentials(Self.secret),
      retry: RetryPolicy(attempts: 2, firstPause: 2, longestPause: 10))
  }

  private func descriptor() -> Descriptor {
    Descriptor(mediaType: .ociLayerGzip, digest: SHA256Stream.digest(blob), size: Int64(blob.count))
  }

  @Test func `the password goes to the registry over TLS and not on to its storage`() throws {
    let storage = try storage(TestAuthority.shared.get().issue("storage"))
    let registry = try registry("https://\(storage.authority)/store")
    #expect(try client(registry).openBlob(descriptor()).rest() == blob)
    #expect(try registry.requests().last?.header("authorization")?.hasPrefix("Basic ") == true)
    let seen = try storage.requests()
    #expect(seen.count == 1 && seen.allSatisfy { $0.header("authorization") == nil && $0.header("cookie") == nil })
  }

  @Test func `from TLS nothing leads to plain http, nor to a host that cannot prove its name`() throws {
    let plain = try storage(nil)
    let unproven = try storage(TestAuthority.shared.get().issue("unproven", isSelfSigned: true))
    for (location, other) in [
      ("http://\(plain.authority)/store", plain), ("https://\(unproven.authority)/store", unproven),
    ] {
      // A registry that is trusted unseen is trusted so alone, and not with where it sends us.
      for verify in [true, false] {
        let registry = try registry(location)
        let error = #expect(throws: RegistryError.self, "\(location)") {
          _ = try client(registry, verify: verify).openBlob(descriptor()).rest()
        }
        #expect(error?.kind == .refused, "\(String(describing: error))")
        #expect(try other.requests().isEmpty)
      }
    }
  }

  @Test func `a registry that cannot prove its name gets no password`() throws {
    for name in ["expired", "unproven", "wrong"] {
      let authority = try TestAuthority.shared.get()
      let identity =
        switch name {
        case "expired": try authority.issue("expired", isExpired: true)
        case "unproven": try authority.issue("unproven", isSelfSigned: true)
        default: try authority.issue("wrong", names: ["DNS:elsewhere.example"])
        }
      let double = try RegistryDouble(routes: [], tls: identity)
      let error = #expect(throws: RegistryError.self) { _ = try client(double).openBlob(descriptor()) }
      #expect(error?.kind == .refused && error?.hint?.contains("--tls-verify=false") == true, "\(name)")
      #expect(try double.requests().isEmpty)
    }
  }
}
