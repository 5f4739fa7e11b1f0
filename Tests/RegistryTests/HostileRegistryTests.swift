import Basics
import OCI
import Registry
import TestSupport
import Testing

/// SECURITY B1, B4, B6, B7, B8, B14, B17 against a scripted server.
struct HostileRegistryTests {
  private static let manifest = ImageManifest(
    config: descriptor(Array("{}".utf8), .ociConfig), layers: []
  ).json.bytes()

  private static func answer(
    _ bytes: [UInt8], type: MediaType = .ociManifest, digest: Digest? = nil
  ) -> ScriptedAnswer {
    .bytes(
      bytes,
      [("Content-Type", type.rawValue), ("Docker-Content-Digest", (digest ?? SHA256Stream.digest(bytes)).description)])
  }

  private func failure(_ body: () throws -> Void) -> RegistryError? {
    #expect(throws: RegistryError.self) { try body() }
  }

  // B1

  @Test func `a manifest under another digest is refused`() throws {
    let server = try ScriptedServer { _, _ in .bytes(Self.manifest + [0x20]) }
    let wanted = SHA256Stream.digest(Self.manifest)
    let error = failure { _ = try client(server).manifest(.digest(wanted)) }
    #expect(error?.kind == .corrupt && error?.reason.contains(wanted.description) == true)
  }

  @Test func `a manifest that is not what its header says is refused`() throws {
    let server = try ScriptedServer { _, _ in Self.answer(Self.manifest, digest: SHA256Stream.digest([1])) }
    #expect(failure { _ = try client(server).manifest(.tag("a")) }?.kind == .corrupt)
  }

  @Test func `a small blob with other bytes is refused`() throws {
    let server = try ScriptedServer { _, _ in .bytes([1, 2, 4]) }
    #expect(failure { _ = try client(server).blob(descriptor([1, 2, 3])) }?.kind == .corrupt)
  }

  @Test(arguments: [0, 1, 99, 101, 1000])
  func `a blob of another length is refused`(length: Int) throws {
    let server = try ScriptedServer { _, _ in .bytes(pattern(length)) }
    let error = failure { _ = try client(server).openBlob(descriptor(pattern(100))).rest() }
    #expect(error?.kind == .corrupt)
  }

  @Test func `bytes after the last one are refused`() throws {
    let blob = pattern(100)
    let server = try ScriptedServer { _, _ in
      .bytes(blob + [1], [("Content-Range", "bytes 50-99/100")])
    }
    #expect(failure { _ = try client(server).openBlob(descriptor(blob), from: 50).rest() }?.kind == .corrupt)
  }

  // B4

  private static let secret = "s3cret-of-the-registry"
  private static let credential = Credential.basic(user: "al", secret: secret)

  @Test(arguments: [301, 302, 303, 307, 308])
  func `a redirect to another host gets no credentials`(status: Int) throws {
    let blob = pattern(50_000)
    let storage = try ScriptedServer { _, _ in .bytes(blob) }
    let location = "http://\(storage.authority)/store?sig=1"
    let registry = try ScriptedServer { request, _ in
      request.authorization == nil
        ? .text(401, "", [("WWW-Authenticate", "Basic realm=\"r\"")]) : .text(status, "", [("Location", location)])
    }
    let download = try client(registry, credential: Self.credential).openBlob(descriptor(blob))
    #expect(try download.rest() == blob)
    #expect(registry.requests.last?.authorization?.hasPrefix("Basic ") == true)
    #expect(storage.requests.count == 1)
    #expect(storage.requests.allSatisfy { $0.authorization == nil && $0.headers["cookie"] == nil })
  }

  @Test func `credentials do not come back after a detour`() throws {
    let blob = pattern(10)
    let here = Mailbox()
    let other = try ScriptedServer { _, _ in .text(307, "", [("Location", "http://\(here.text)/back")]) }
    let registry = try ScriptedServer { request, _ in
      if request.path == "/back" { return .bytes(blob) }
      return request.authorization == nil
        ? .text(401, "", [("WWW-Authenticate", "Basic realm=\"r\"")])
        : .text(307, "", [("Location", "http://\(other.authority)/")])
    }
    here.text = registry.authority
    #expect(try client(registry, credential: Self.credential).openBlob(descriptor(blob)).rest() == blob)
    #expect(registry.requests.last?.path == "/back" && registry.requests.last?.authorization == nil)
    #expect(other.requests.allSatisfy { $0.authorization == nil })
  }

  @Test func `a challenge of a redirect's target is not answered`() throws {
    let storage = try ScriptedServer { _, _ in .text(401, "", [("WWW-Authenticate", "Basic realm=\"r\"")]) }
    let registry = try ScriptedServer { _, _ in .text(307, "", [("Location", "http://\(storage.authority)/x")]) }
    let error = failure { _ = try client(registry, credential: Self.credential).openBlob(descriptor([1])) }
    #expect(error?.kind == .unauthorized)
    #expect(storage.requests.count == 1 && registry.requests.count == 1)
  }

  @Test(arguments: ["http://127.0.0.2:9/token", "http://registry.example/token", "file:///etc/passwd", "/token", ""])
  func `a token service in the clear is not asked`(realm: String) throws {
    let registry = try ScriptedServer { _, _ in
      .text(401, "", [("WWW-Authenticate", "Bearer realm=\"\(realm)\",service=\"s\"")])
    }
    // Over plain http, but not marked: as https would be in the wild.
    let strict = client(
      try endpoint(registry.authority, "app", insecure: false), credential: Self.credential)
    #expect([.refused, .malformed].contains(failure { _ = try strict.manifest(.tag("a")) }?.kind))
    #expect(registry.requests.allSatisfy { $0.authorization == nil })
  }

  @Test func `redirects in a circle end`() throws {
    let registry = try ScriptedServer { _, count in .text(307, "", [("Location", "/v2/\(count)")]) }
    #expect(failure { _ = try client(registry).openBlob(descriptor([1])) }?.kind == .limit)
    #expect(registry.requests.count == 6)
  }

  // B6

  @Test func `tokens are asked for by repository and action, kept, and not used for another`() throws {
    let tokens = try ScriptedServer { request, _ in
      .text(200, #"{"token":"t-\#(request.target.utf8.count)","expires_in":300}"#)
    }
    let registry = try ScriptedServer { request, _ in
      // Asks for more than anybody needs.
      request.authorization == nil
        ? .text(
          401, "",
          [
            (
              "WWW-Authenticate",
              "Bearer realm=\"http://\(tokens.authority)/t\",service=\"reg istry\",scope=\"repository:other:pull,push\""
            )
          ])
        : Self.answer(Self.manifest)
    }
    let cache = TokenCache()
    func make(_ repository: String, _ actions: [RegistryAction]) throws -> RegistryClient {
      RegistryClient(
        [try endpoint(registry.authority, repository)], actions: actions,
        credentials: FixedCredentials(Self.credential), tokens: cache)
    }
    for _ in 0..<3 { _ = try make("one", [.pull]).manifest(.tag("a")) }
    _ = try make("two/x", [.pull]).manifest(.tag("a"))
    _ = try make("one", [.push, .pull]).manifest(.tag("a"))
    #expect(
      tokens.requests.map(\.target) == [
        "/t?account=al&service=reg%20istry&scope=repository%3Aone%3Apull",
        "/t?account=al&service=reg%20istry&scope=repository%3Atwo%2Fx%3Apull",
        "/t?account=al&service=reg%20istry&scope=repository%3Aone%3Apull%2Cpush",
      ])
    #expect(tokens.requests.allSatisfy { $0.authorization?.hasPrefix("Basic ") == true })
    #expect(registry.requests.compactMap(\.authorization).allSatisfy { $0.hasPrefix("Bearer t-") })
  }

  @Test func `an identity token is posted and not shown in a query`() throws {
    let tokens = try ScriptedServer { _, _ in .text(200, #"{"access_token":"abc","expires_in":-5}"#) }
    let registry = try ScriptedServer { request, _ in
      request.authorization == "Bearer abc"
        ? Self.answer(Self.manifest)
        : .text(401, "", [("WWW-Authenticate", "Bearer realm=\"http://\(tokens.authority)/t\",service=\"s\"")])
    }
    _ = try client(registry, credential: .identityToken("refresh me")).manifest(.tag("a"))
    let request = try #require(tokens.requests.first)
    #expect(request.method == "POST" && request.target == "/t")
    #expect(
      String(decoding: request.body, as: UTF8.self)
        == "grant_type=refresh_token&client_id=dhow&refresh_token=refresh%20me&service=s&scope=repository%3Aapp%3Apull")
  }

  @Test(arguments: [
    (String(repeating: "x", count: 2 << 20), RegistryError.Kind.limit), ("{}", .malformed), ("<html>", .malformed),
    (#"{"token":"a\r\nX-Evil: 1"}"#, .malformed), (#"{"token":""}"#, .malformed),
  ])
  func `a token service that makes no sense is refused`(body: String, kind: RegistryError.Kind) throws {
    let tokens = try ScriptedServer { _, _ in .text(200, body) }
    let registry = try ScriptedServer { _, _ in
      .text(401, "", [("WWW-Authenticate", "Bearer realm=\"http://\(tokens.authority)/t\"")])
    }
    #expect(failure { _ = try client(registry).manifest(.tag("a")) }?.kind == kind)
  }

  @Test func `a token that is refused is renewed once and no more`() throws {
    let tokens = try ScriptedServer { _, count in .text(200, #"{"token":"t\#(count)"}"#) }
    let registry = try ScriptedServer { request, _ in
      request.authorization == "Bearer t0" && !request.path.hasSuffix("/b")
        ? Self.answer(Self.manifest)
        : .text(401, "", [("WWW-Authenticate", "Bearer realm=\"http://\(tokens.authority)/t\"")])
    }
    let client = try client(registry)
    _ = try client.manifest(.tag("a"))
    #expect(failure { _ = try client.manifest(.tag("b")) }?.kind == .unauthorized)
    #expect(tokens.requests.count == 2)
  }

  @Test func `no secret is in an error`() throws {
    let registry = try ScriptedServer { request, _ in
      .text(401, #"{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}"#, [("WWW-Authenticate", "Basic realm=\"r\"")])
    }
    let error = failure { _ = try client(registry, credential: Self.credential).manifest(.tag("a")) }
    let told = error.map { "\($0) \($0.engineError("pulling x"))" } ?? ""
    #expect(!told.isEmpty && !told.contains(Self.secret) && !told.contains("YWw6"))
  }

  // B7

  @Test func `a manifest beyond the limit is refused`() throws {
    let server = try ScriptedServer { _, _ in .bytes([UInt8](repeating: 0x20, count: (4 << 20) + 1)) }
    #expect(failure { _ = try client(server).manifest(.tag("a")) }?.kind == .limit)
  }

  @Test func `a list that leads back to itself ends`() throws {
    let server = try ScriptedServer { _, _ in
      .text(200, #"{"tags":["a","b"]}"#, [("Link", "</v2/app/tags/list?last=b>; rel=\"next\"")])
    }
    #expect(failure { _ = try client(server).tags() }?.kind == .limit)
    #expect(server.requests.count == 2)
  }

  @Test func `a list that never ends is cut`() throws {
    let server = try ScriptedServer { _, count in
      .text(200, #"{"tags":["a"]}"#, [("Link", "</v2/app/tags/list?last=\(count)>; rel=\"next\"")])
    }
    #expect(failure { _ = try client(server).tags() }?.kind == .limit)
    #expect(server.requests.count == 1000)
  }

  @Test func `a list does not go on at another host`() throws {
    let server = try ScriptedServer { _, _ in
      .text(200, #"{"tags":["a"]}"#, [("Link", "<http://127.0.0.1:1/x>; rel=\"next\"")])
    }
    #expect(failure { _ = try client(server).tags() }?.kind == .refused)
  }

  // B8

  @Test func `a download that breaks again and again comes together`() throws {
    let blob = pattern(200_000)
    let server = try ScriptedServer { request, count in
      guard let range = request.headers["range"] else {
        return ScriptedAnswer(headers: [("ETag", "\"v1\"")], body: blob, cutAfter: 50_000)
      }
      let first = Int(range.dropFirst(6).dropLast()) ?? 0
      return ScriptedAnswer(
        status: 206, headers: [("Content-Range", "bytes \(first)-199999/200000"), ("ETag", "\"v1\"")],
        body: Array(blob[first...]), cutAfter: count < 3 ? 60_000 : nil)
    }
    let download = try client(server).openBlob(descriptor(blob))
    #expect(try download.rest() == blob)
    #expect(download.received == 200_000 && download.repeated == 0)
    #expect(server.requests.compactMap { $0.headers["range"] } == ["bytes=50000-", "bytes=110000-", "bytes=170000-"])
    #expect(server.requests.dropFirst().allSatisfy { $0.headers["if-range"] == "\"v1\"" })
  }

  @Test func `a server that ignores ranges is read again from the start`() throws {
    let blob = pattern(200_000)
    let server = try ScriptedServer { _, count in
      ScriptedAnswer(body: blob, cutAfter: count == 0 ? 150_000 : nil)
    }
    let download = try client(server).openBlob(descriptor(blob))
    #expect(try download.rest() == blob)
    #expect(download.repeated == 150_000)
  }

  @Test func `another range than was asked for is refused`() throws {
    let blob = pattern(1000)
    let server = try ScriptedServer { _, _ in
      ScriptedAnswer(status: 206, headers: [("Content-Range", "bytes 400-999/1000")], body: Array(blob[400...]))
    }
    #expect(failure { _ = try client(server).openBlob(descriptor(blob), from: 500).rest() }?.kind == .malformed)
  }

  @Test func `a registry that always breaks off is given up`() throws {
    let server = try ScriptedServer { _, _ in .hangUp }
    #expect(failure { _ = try client(server).manifest(.tag("a")) }?.kind == .unavailable)
    #expect((4...8).contains(server.requests.count))
    let blobs = try ScriptedServer { _, _ in ScriptedAnswer(body: pattern(1000), cutAfter: 0) }
    #expect(failure { _ = try client(blobs).openBlob(descriptor(pattern(1000))).rest() }?.kind == .unavailable)
    #expect(blobs.requests.count == 4)
  }

  @Test(arguments: [429, 500, 502, 503, 504])
  func `a passing failure is asked again`(status: Int) throws {
    let server = try ScriptedServer { _, count in
      count < 2 ? .text(status, "", [("Retry-After", "0")]) : Self.answer(Self.manifest)
    }
    #expect(try client(server).manifest(.tag("a")).bytes == Self.manifest)
  }

  @Test func `a year of waiting is not waited`() throws {
    let server = try ScriptedServer { _, _ in
      .text(429, #"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#, [("Retry-After", "31536000")])
    }
    let error = failure { _ = try client(server).manifest(.tag("a")) }
    #expect(error?.kind == .rateLimited && error?.retryAfter == 31_536_000)
    #expect(error?.reason == "TOOMANYREQUESTS: slow down")
    #expect(server.requests.count == 1)
  }

  @Test(arguments: [400, 404, 405])
  func `a registry without HEAD is asked by GET`(status: Int) throws {
    let server = try ScriptedServer { request, _ in
      request.method == "HEAD" ? .text(status, "") : Self.answer(Self.manifest)
    }
    #expect(try client(server).resolve(.tag("a")).digest == SHA256Stream.digest(Self.manifest))
  }

  // Mirrors

  @Test func `a mirror that lacks something is passed over`() throws {
    let mirror = try ScriptedServer { _, _ in .text(404, "") }
    let registry = try ScriptedServer { _, _ in Self.answer(Self.manifest) }
    let client = client(
      try endpoint("127.0.0.1:1", "x/app", mirror: true), try endpoint(mirror.authority, "m/app", mirror: true),
      try endpoint(registry.authority, "app"))
    #expect(try client.manifest(.tag("a")).bytes == Self.manifest)
    #expect(mirror.requests.map(\.path) == ["/v2/m/app/manifests/a"])
    _ = try client.manifest(.tag("b"))
    #expect(mirror.requests.count == 1 && registry.requests.count == 2)
  }

  @Test func `the registry's own refusal stands`() throws {
    let mirror = try ScriptedServer { _, _ in .text(403, "") }
    let registry = try ScriptedServer { _, _ in
      .text(404, #"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]}"#)
    }
    let client = client(
      try endpoint(mirror.authority, "app", mirror: true), try endpoint(registry.authority, "app"))
    #expect(failure { _ = try client.manifest(.tag("a")) }?.codes == ["MANIFEST_UNKNOWN"])
  }

  @Test func `a registry without TLS is asked in the clear only when it is marked`() throws {
    let registry = try ScriptedServer { _, _ in Self.answer(Self.manifest) }
    let marked = client(try endpoint(registry.authority, "app", scheme: "https"))
    #expect(try marked.manifest(.tag("a")).bytes == Self.manifest)
    let before = registry.requests.count
    let strict = client(try endpoint(registry.authority, "app", insecure: false, scheme: "https"))
    let error = failure { _ = try strict.manifest(.tag("a")) }
    #expect(error?.kind == .refused && error?.hint?.contains("--tls-verify=false") == true)
    #expect(registry.requests.count == before)
  }
}

/// A word that is known later.
final class Mailbox: @unchecked Sendable {
  var text = ""
}
