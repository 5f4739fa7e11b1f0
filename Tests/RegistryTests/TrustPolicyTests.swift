import Basics
import OCI
import Testing

@testable import Registry

/// containers-policy.json(5), as far as no signature is asked for.
@Suite struct TrustPolicyTests {
  static let accept = #"[{"type": "insecureAcceptAnything"}]"#
  static let reject = #"[{"type": "reject"}]"#

  @Test(arguments: [
    (#"{"default": \#(accept)}"#, "busybox", true),
    (#"{"default": \#(reject)}"#, "busybox", false),
    (#"{"default": \#(reject), "transports": {"docker": {"": \#(accept)}}}"#, "busybox", true),
    (#"{"default": \#(reject), "transports": {"dir": {"": \#(accept)}}}"#, "busybox", false),
    (#"{"default": \#(reject), "transports": {"docker": {"docker.io": \#(accept)}}}"#, "busybox", true),
    (#"{"default": \#(reject), "transports": {"docker": {"docker.io/library": \#(accept)}}}"#, "busybox", true),
    (
      #"{"default": \#(reject), "transports": {"docker": {"docker.io/library/busybox": \#(accept)}}}"#, "busybox:1",
      true
    ),
    (
      #"{"default": \#(reject), "transports": {"docker": {"docker.io/library/busybox:latest": \#(accept)}}}"#,
      "busybox", true
    ),
    (
      #"{"default": \#(reject), "transports": {"docker": {"docker.io/library/busybox:1": \#(accept)}}}"#, "busybox",
      false
    ),
    (#"{"default": \#(reject), "transports": {"docker": {"busybox": \#(accept)}}}"#, "busybox", false),
    (
      #"{"default": \#(accept), "transports": {"docker": {"a.io": \#(accept), "a.io/x": \#(reject)}}}"#, "a.io/x/y",
      false
    ),
    (
      #"{"default": \#(accept), "transports": {"docker": {"a.io": \#(reject), "a.io/x": \#(accept)}}}"#, "a.io/x/y",
      true
    ),
    (#"{"default": \#(reject), "transports": {"docker": {"*.a.io": \#(accept)}}}"#, "q.r.a.io/x", true),
    (#"{"default": \#(reject), "transports": {"docker": {"*.a.io": \#(accept)}}}"#, "a.io/x", false),
    (
      #"{"default": \#(accept), "transports": {"docker": {"*.a.io": \#(accept), "*.r.a.io": \#(reject)}}}"#,
      "q.r.a.io/x", false
    ),
    (#"{"default": [{"type": "insecureAcceptAnything"}, {"type": "reject"}]}"#, "busybox", false),
    // What asks for a signature lets nothing in.
    (#"{"default": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/k"}]}"#, "busybox", false),
    (
      #"{"default": \#(accept), "transports": {"docker": {"a.io": [{"type": "sigstoreSigned", "keyPath": "/k"}]}}}"#,
      "a.io/x", false
    ),
    (
      #"{"default": \#(accept), "transports": {"docker": {"a.io": [{"type": "sigstoreSigned", "keyPath": "/k"}]}}}"#,
      "b.io/x", true
    ),
  ])
  func `the most specific scope decides`(_ policy: String, _ name: String, _ isAllowed: Bool) throws {
    let fixture = try SettingsFixture(["etc/containers/policy.json": policy])
    let policy = try TrustPolicy(fixture.environment)
    let reference = try Reference(parsing: name)
    if isAllowed {
      try policy.check(reference)
    } else {
      let error = #expect(throws: EngineError.self) { try policy.check(reference) }
      #expect(error?.kind == .denied)
      #expect(error?.reason.contains("etc/containers/policy.json") == true)
    }
  }

  @Test(arguments: [
    "", "{", "[]", "{}", #"{"default": []}"#, #"{"default": {}}"#, #"{"default": [{"type": "other"}]}"#,
    #"{"default": [{"type": "reject", "x": 1}]}"#, #"{"default": [{"type": "reject"}], "x": 1}"#,
    #"{"default": [{"type": "reject"}], "default": [{"type": "insecureAcceptAnything"}]}"#,
    #"{"default": [{"type": "reject"}], "transports": {"docker": {"a.io": []}}}"#,
    #"{"default": [{"type": "reject"}], "transports": []}"#,
  ])
  func `a file that is not exactly in the format is refused`(_ policy: String) throws {
    let fixture = try SettingsFixture(["etc/containers/policy.json": policy])
    #expect(throws: EngineError.self) { try TrustPolicy(fixture.environment) }
  }

  @Test func `without a file every image may come, and the user's file is the one that counts`() throws {
    let fixture = try SettingsFixture()
    let reference = try Reference(parsing: "busybox")
    try TrustPolicy(fixture.environment).check(reference)
    try fixture.add("etc/containers/policy.json", #"{"default": \#(Self.reject)}"#)
    #expect(throws: EngineError.self) { try TrustPolicy(fixture.environment).check(reference) }
    try fixture.add("home/.config/containers/policy.json", #"{"default": \#(Self.accept)}"#)
    try TrustPolicy(fixture.environment).check(reference)
  }
}
