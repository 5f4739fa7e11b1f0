import Basics
import TestSupport
import Testing

@testable import Registry

/// The protocol of docker-credential-helpers, against programs that keep to it and others.
@Suite struct CredentialHelperTests {
  private func fixture(_ script: String, name: String = "test", mode: UInt32 = 0o755) throws -> SettingsFixture {
    let fixture = try SettingsFixture()
    try fixture.add("bin/docker-credential-\(name)", "#!/bin/sh\n" + script, mode: mode)
    fixture.environment.variables["PATH"] = "relative:\(fixture.directory)/none:\(fixture.directory)/bin:/usr/bin:/bin"
    return fixture
  }

  private func helper(_ fixture: SettingsFixture, _ name: String = "test") -> CredentialHelper {
    CredentialHelper(name: name, environment: fixture.environment, timeout: 2)
  }

  @Test(arguments: [
    (#"echo '{"ServerURL":"a.io","Username":"u","Secret":"s"}'"#, Credential.basic(user: "u", secret: "s")),
    (#"read -r x; echo "{\"Username\":\"$x\",\"Secret\":\"$1\"}""#, .basic(user: "a.io", secret: "get")),
    (#"echo '{"Username":"<token>","Secret":"t"}'"#, .identityToken("t")),
    (#"echo 'credentials not found in native keychain'; exit 1"#, nil),
    (#"echo '{"Username":"","Secret":""}'"#, nil),
  ])
  func `get answers with what the helper has`(_ script: String, _ wanted: Credential?) throws {
    let fixture = try fixture(script)
    #expect(try helper(fixture).get("a.io") == wanted)
  }

  @Test(arguments: [
    ("echo broken; echo secretcanary >&2; exit 3", "status 3: broken"), ("echo secretcanary", "something else"),
    ("printf '{\"Username\":\"secretcanary\"}'", "something else"),
    ("while :; do echo secretcanarysecretcanarysecretcanarysecretcanary; done", "more than 1 MiB"),
    ("sleep 60", "within 2 seconds"), ("exec >&-; sleep 60", "within 2 seconds"), ("kill -9 $$", "status 137"),
    ("printf '\\033[31mred\\n'; exit 1", "\\x1b[31mred"),
  ])
  func `a helper that misbehaves is an error without secrets`(_ script: String, _ reason: String) throws {
    let fixture = try fixture(script)
    let error = #expect(throws: EngineError.self) { try helper(fixture).get("a.io") }
    #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    #expect(error?.reason.contains("secretcanary") == false)
  }

  @Test func `store and erase hand their input over standard input`() throws {
    let fixture = try fixture(#"cat >"$OUT/$1"; echo "$@" >"$OUT/arguments""#)
    fixture.environment.variables["OUT"] = fixture.directory
    try helper(fixture).store(.basic(user: "u\"", secret: "canary"), for: "a.io")
    #expect(try fixture.text("store") == #"{"ServerURL":"a.io","Username":"u\"","Secret":"canary"}"#)
    #expect(try fixture.text("arguments") == "store\n")
    try helper(fixture).store(.identityToken("t"), for: "a.io")
    #expect(try fixture.text("store") == #"{"ServerURL":"a.io","Username":"<token>","Secret":"t"}"#)
    #expect(try helper(fixture).erase("a.io"))
    #expect(try fixture.text("erase") == "a.io")
  }

  @Test func `a helper that reads nothing does not end us`() throws {
    let fixture = try fixture("exit 0")
    try helper(fixture).store(.basic(user: "u", secret: String(repeating: "x", count: 30_000)), for: "a.io")
    #expect(throws: EngineError.self) {
      try helper(fixture).store(.basic(user: "u", secret: String(repeating: "x", count: 40_000)), for: "a.io")
    }
  }

  @Test(arguments: ["../x", "a/b", "", "a b", "$(id)", ".", "-"])
  func `a name that is no name is not run`(_ name: String) throws {
    let fixture = try fixture("touch \"$OUT/ran\"")
    fixture.environment.variables["OUT"] = fixture.directory
    #expect(throws: EngineError.self) { try helper(fixture, name).get("a.io") }
    #expect(!exists(fixture.directory + "/ran"))
  }

  @Test func `a program that anybody can change is not run`() throws {
    let fixture = try fixture("echo x", mode: 0o757)
    let error = #expect(throws: EngineError.self) { try helper(fixture).get("a.io") }
    #expect(error?.kind == .denied)
    #expect(throws: EngineError.self) { try helper(fixture, "absent").get("a.io") }
  }

  @Test func `the helper that a file names has the credentials`() throws {
    let fixture = try fixture(
      #"""
      read -r x
      case $1 in
      get) [ -e "$OUT/has" ] && echo '{"Username":"helped","Secret":"s"}' || { echo credentials not found in native keychain; exit 1; } ;;
      store) touch "$OUT/has" ;;
      erase) rm -f "$OUT/has" ;;
      esac
      echo "$1 $x" >>"$OUT/calls"
      """#)
    fixture.environment.variables["OUT"] = fixture.directory
    try fixture.add("home/.docker/config.json", #"{"credsStore": "absent", "credHelpers": {"a.io": "test"}, "k": 1}"#)
    let store = CredentialStore(fixture.environment)
    #expect(try store.credential(for: "a.io", repository: "x") == nil)
    let place = try store.store(.basic(user: "u", secret: "canary"), for: "a.io", style: .docker)
    #expect(place.place == "docker-credential-test")
    #expect(!place.isPlain)
    #expect(try !fixture.text("home/.docker/config.json").contains("canary"))
    #expect(try JSON(parsing: fixture.text("home/.docker/config.json"))["auths"]?["a.io"] == .object(JSONObject()))
    #expect(try store.credential(for: "a.io", repository: "x")?.user == "helped")
    #expect(try store.erase("a.io", style: .docker))
    #expect(!exists(fixture.directory + "/has"))
    // credsStore is for every other registry.
    #expect(throws: EngineError.self) { try store.credential(for: "b.io", repository: "x") }
  }

  @Test func `registries.conf names helpers for every registry`() throws {
    let fixture = try fixture(#"echo '{"Username":"all","Secret":"s"}'"#)
    try fixture.add("etc/containers/registries.conf", "credential-helpers = ['containers-auth.json', 'test']")
    try fixture.add("home/.config/containers/auth.json", #"{"auths": {"a.io": {"auth": "dTpz"}}}"#)
    let store = try fixture.configuration().credentials
    #expect(try store.credential(for: "a.io", repository: "x")?.user == "u")
    #expect(try store.credential(for: "b.io", repository: "x")?.user == "all")
  }
}
