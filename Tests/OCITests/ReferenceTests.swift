import OCI
import Testing

private let digest = "sha256:" + String(repeating: "0123456789abcdef", count: 4)

/// Text, normalized form, familiar form; after docker's own table (distribution/reference, normalize_test.go).
private let valid: [(text: String, full: String, familiar: String)] = [
  ("busybox", "docker.io/library/busybox", "busybox"),
  ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
  ("busybox:latest", "docker.io/library/busybox:latest", "busybox:latest"),
  ("library/busybox", "docker.io/library/busybox", "busybox"),
  ("docker.io/busybox", "docker.io/library/busybox", "busybox"),
  ("docker.io/library/busybox:x", "docker.io/library/busybox:x", "busybox:x"),
  ("index.docker.io/busybox", "docker.io/library/busybox", "busybox"),
  ("index.docker.io/ana/app", "docker.io/ana/app", "ana/app"),
  ("ana/app", "docker.io/ana/app", "ana/app"),
  ("ana/app/deep", "docker.io/ana/app/deep", "ana/app/deep"),
  ("library/ana/app", "docker.io/library/ana/app", "library/ana/app"),
  ("localhost/app", "localhost/app", "localhost/app"),
  ("localhost:5000/app", "localhost:5000/app", "localhost:5000/app"),
  ("localhost:5000/ana/app:v1", "localhost:5000/ana/app:v1", "localhost:5000/ana/app:v1"),
  ("LOCALHOST/app", "LOCALHOST/app", "LOCALHOST/app"),
  ("Ana/app", "Ana/app", "Ana/app"),
  ("quay.io/org/app", "quay.io/org/app", "quay.io/org/app"),
  ("registry.example.com:443/a/b/c:1", "registry.example.com:443/a/b/c:1", "registry.example.com:443/a/b/c:1"),
  ("127.0.0.1:5000/app", "127.0.0.1:5000/app", "127.0.0.1:5000/app"),
  ("[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"),
  ("[2001:db8::1]/app:x", "[2001:db8::1]/app:x", "[2001:db8::1]/app:x"),
  ("a.b/c", "a.b/c", "a.b/c"),
  ("xn--7o8h.com/app", "xn--7o8h.com/app", "xn--7o8h.com/app"),
  ("app:V1_2.3-rc", "docker.io/library/app:V1_2.3-rc", "app:V1_2.3-rc"),
  ("app:_x", "docker.io/library/app:_x", "app:_x"),
  ("a__b/c--d.e_f", "docker.io/a__b/c--d.e_f", "a__b/c--d.e_f"),
  ("a----b", "docker.io/library/a----b", "a----b"),
  ("app@\(digest)", "docker.io/library/app@\(digest)", "app@\(digest)"),
  ("app:1@\(digest)", "docker.io/library/app:1@\(digest)", "app:1@\(digest)"),
  ("quay.io/o/app:1@\(digest)", "quay.io/o/app:1@\(digest)", "quay.io/o/app:1@\(digest)"),
  ("0", "docker.io/library/0", "0"),
  ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
  (
    "app:" + String(repeating: "t", count: 128), "docker.io/library/app:" + String(repeating: "t", count: 128),
    "app:" + String(repeating: "t", count: 128)
  ),
]

private let invalid: [(text: String, reason: String)] = [
  ("", "invalid reference format"),
  ("Busybox", "invalid reference format: repository name (library/Busybox) must be lowercase"),
  ("ana/App", "invalid reference format: repository name (ana/App) must be lowercase"),
  ("docker.io/Ana/app", "invalid reference format: repository name (Ana/app) must be lowercase"),
  ("-app", "invalid reference format"),
  ("app-", "invalid reference format"),
  ("a___b", "invalid reference format"),
  ("a..b", "invalid reference format"),
  ("a._b", "invalid reference format"),
  ("/app", "invalid reference format"),
  ("app/", "invalid reference format"),
  ("a//b", "invalid reference format"),
  ("../etc/passwd", "invalid reference format"),
  ("./app", "invalid reference format"),
  ("app:", "invalid reference format"),
  ("app:-x", "invalid reference format"),
  ("app:.x", "invalid reference format"),
  ("app:a:b", "invalid reference format"),
  ("app:" + String(repeating: "t", count: 129), "invalid reference format"),
  ("app x", "invalid reference format"),
  ("app\u{0}", "invalid reference format"),
  ("ápp", "invalid reference format"),
  ("https://quay.io/app", "invalid reference format"),
  ("a.b:port/app", "invalid reference format"),
  ("-a.b/app", "invalid reference format"),
  ("[fe80::1%eth0]:5000/app", "invalid reference format"),
  ("quay.io/", "invalid reference format"),
  ("app@sha256:../../x", "invalid reference format"),
  (String(repeating: "a", count: 64), "invalid repository name, cannot specify 64-byte hexadecimal strings"),
  (String(repeating: "a", count: 256), "repository name must not be more than 255 characters"),
]

@Suite struct ReferenceTests {
  @Test(arguments: valid) func `a valid name is normalized as docker does`(
    text: String, full: String, familiar: String
  ) throws {
    let reference = try Reference(parsing: text)
    #expect(reference.description == full)
    #expect(reference.familiar == familiar)
    #expect(try Reference(parsing: full) == reference)
    #expect(try Reference(parsing: familiar) == reference)
  }

  @Test(arguments: invalid) func `an invalid name is refused in docker's words`(text: String, reason: String) throws {
    let error = try #require(throws: OCIFormatError.self) { try Reference(parsing: text) }
    #expect(error.reason == reason)
  }

  @Test(arguments: ["app@sha256:0", "app@md5:00", "app@", "app@\(digest)@\(digest)"])
  func `a bad digest in a name is refused`(text: String) throws {
    let error = try #require(throws: OCIFormatError.self) { try Reference(parsing: text) }
    #expect(error.reason.hasPrefix("invalid reference format: "))
  }

  @Test func `a name without tag and digest gets the default tag`() throws {
    #expect(try Reference(parsing: "a").withDefaultTag.familiar == "a:latest")
    #expect(try Reference(parsing: "a:1").withDefaultTag.familiar == "a:1")
    #expect(try Reference(parsing: "a@\(digest)").withDefaultTag.familiar == "a@\(digest)")
  }

  @Test(arguments: [
    ("x", "localhost/x"), ("localhost/x:1", "docker.io/library/x:1"), ("a/b", "localhost/a/b"),
    ("localhost/a/b", "docker.io/a/b"),
  ]) func `bare and localhost names of local builds are alternatives`(text: String, other: String) throws {
    #expect(try Reference(parsing: text).localAlternative?.description == other)
  }

  @Test func `a name of another registry has no alternative`() throws {
    #expect(try Reference(parsing: "quay.io/x").localAlternative == nil)
    #expect(try Reference(parsing: "localhost:5000/x").localAlternative == nil)
  }
}
