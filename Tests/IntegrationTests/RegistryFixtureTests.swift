import Basics
import TestSupport
import Testing

/// The fixtures of registry tests, tried with skopeo: what they prove must not hang on our own client.
@Suite struct RegistryFixtureTests {
  private func skopeo(_ words: String...) throws -> Outcome { try run(["skopeo"] + words) }

  private func copy(_ registry: RegistryFixture, _ options: [String]) throws -> Outcome {
    try run(
      ["skopeo", "copy", "-q"] + options
        + ["docker-archive:\(ImageFixture.busybox())", "docker://\(registry.authority)/team/box:1"])
  }

  @Test(.requires(.registry, .program("skopeo"), .busybox))
  func `a registry over http takes and gives images, and tells what it was asked`() throws {
    let registry = try RegistryFixture()
    let outcome = try copy(registry, ["--dest-tls-verify=false"])
    #expect(outcome.succeeded, "\(outcome)")
    let names = try skopeo("list-tags", "--tls-verify=false", "docker://\(registry.authority)/team/box")
    #expect(names.out.contains("\"1\""))
    #expect(try registry.requests().contains { $0.hasPrefix("PUT /v2/team/box/manifests/1 201") })
    #expect(try registry.files().contains { $0.contains("repositories/team/box") })
  }

  @Test(.requires(.registry, .program("skopeo"), .busybox))
  func `a registry over TLS is known by its authority alone`() throws {
    let registry = try RegistryFixture(tls: true)
    let folder = try makeTemporaryDirectory("certs")
    defer { _ = try? run(["rm", "-rf", folder]) }
    try mustRun(["cp", TestAuthority.shared.get().certificate, folder + "/ca.crt"])
    let known = try copy(registry, ["--dest-cert-dir", folder])
    #expect(known.succeeded, "\(known)")
    let unknown = try copy(registry, [])
    #expect(unknown.err.contains("certificate"), "\(unknown)")
  }

  @Test(
    .requires(.registry, .program("skopeo"), .busybox),
    arguments: [
      RegistryFixture.Login.htpasswd, .token(rsa: true), .token(rsa: false),
    ])
  func `a registry with a login lets its user in`(_ login: RegistryFixture.Login) throws {
    let registry = try RegistryFixture(login: login)
    let right = "\(RegistryFixture.user):\(RegistryFixture.password)"
    let outcome = try copy(registry, ["--dest-tls-verify=false", "--dest-creds", right])
    #expect(outcome.succeeded, "\(outcome)")
    let wrong = try copy(registry, ["--dest-tls-verify=false", "--dest-creds", "tester:wrong"])
    #expect(!wrong.succeeded)
    let nobody = try copy(registry, ["--dest-tls-verify=false"])
    #expect(!nobody.succeeded)
  }

  @Test func `a double answers as its scenario says, and records what it saw`() throws {
    let double = try RegistryDouble(routes: [
      ["path": "/v2/", "status": 401, "headers": ["WWW-Authenticate": "Basic realm=x"], "unwanted": ["Authorization"]],
      ["path": "/v2/", "text": "{}", "times": 1], ["path": "/blob*", "text": "0123456789", "ranges": true],
      ["path": "/lie", "text": "abc", "claim": 10], ["path": "/cut", "text": "abcdef", "cut": 2],
      ["path": "/gone", "hangsUp": true], ["path": "/endless", "repeat": "x"],
    ])
    func curl(_ words: String...) throws -> Outcome {
      try run(["curl", "-sS", "-m", "5"] + words.dropLast() + ["http://\(double.authority)\(words.last ?? "")"])
    }
    #expect(try curl("-o", "/dev/null", "-w", "%{http_code}", "/v2/").out == "401")
    #expect(try curl("-u", "a:b", "/v2/").out == "{}")
    #expect(try curl("-u", "a:b", "/v2/").out.contains("NOT_SCRIPTED"))
    #expect(try curl("-H", "Range: bytes=4-", "/blobs").out == "456789")
    #expect(try curl("/lie").status == 18)
    #expect(try curl("/cut").status == 18)
    #expect(try curl("/gone").status == 52)
    #expect(try curl("-m", "1", "-o", "/dev/null", "/endless").status == 28)
    let seen = try double.requests()
    try #require(seen.count == 8)
    #expect(seen[1].header("authorization") == "Basic YTpi")
  }
}
