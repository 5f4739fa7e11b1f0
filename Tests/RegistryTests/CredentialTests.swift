import Basics
import OCI
import TestSupport
import Testing

@testable import Registry

/// containers-auth.json(5), docker's config.json, and the protocol of docker's credential helpers.
@Suite struct CredentialTests {
  /// `user:secret` in base64.
  static let auth = base64Encoded(Array("user:secret".utf8))
  static func entry(_ name: String) -> String { #"{"auth": "\#(base64Encoded(Array("\(name):secret".utf8)))"}"# }

  @Test(arguments: [
    (#"{"auths": {"a.io": \#(entry("u"))}}"#, "a.io", "x", "u"),
    (#"{"auths": {"a.io": \#(entry("u"))}}"#, "b.io", "x", nil),
    (#"{"auths": {"a.io": \#(entry("u"))}}"#, "a.io:5000", "x", nil),
    (#"{"auths": {"a.io/x": \#(entry("v")), "a.io": \#(entry("u"))}}"#, "a.io", "x/y", "v"),
    (#"{"auths": {"a.io/x": \#(entry("v")), "a.io": \#(entry("u"))}}"#, "a.io", "xx/y", "u"),
    (#"{"auths": {"a.io/x": \#(entry("v")), "a.io/x/y": \#(entry("w"))}}"#, "a.io", "x/y", "w"),
    (#"{"auths": {"a.io/x": \#(entry("v"))}}"#, "a.io", "", nil),
    (#"{"auths": {"https://a.io/v1/": \#(entry("u"))}}"#, "a.io", "x", "u"),
    (#"{"auths": {"https://a.io": \#(entry("u")), "a.io": \#(entry("v"))}}"#, "a.io", "x", "v"),
    (#"{"auths": {"https://index.docker.io/v1/": \#(entry("u"))}}"#, "docker.io", "library/x", "u"),
    (#"{"auths": {"index.docker.io": \#(entry("u"))}}"#, "docker.io", "library/x", "u"),
    (#"{"auths": {"docker.io": \#(entry("u"))}}"#, "docker.io", "library/x", "u"),
    (#"{"auths": {"a.io": {}}}"#, "a.io", "x", nil), (#"{}"#, "a.io", "x", nil), ("", "a.io", "x", nil),
    (#"{"auths": {"a.io": {"username": "u", "password": "secret"}}}"#, "a.io", "x", "u"),
  ])
  func `the entry that fits best is taken`(
    _ file: String, _ registry: String, _ repository: String, _ user: String?
  ) throws {
    let fixture = try SettingsFixture(["home/.config/containers/auth.json": file])
    let found = try fixture.configuration().credentials.credential(for: registry, repository: repository)
    #expect(found == user.map { .basic(user: $0, secret: "secret") })
  }

  @Test func `tokens are known, and old padding is taken off`() throws {
    let padded = base64Encoded(Array("u:p:q\0\0".utf8))
    let fixture = try SettingsFixture([
      "home/.docker/config.json":
        #"{"auths": {"a.io": {"auth": "Og==", "identitytoken": "I"}, "b.io": {"registrytoken": "R"}, "c.io": {"auth": "\#(padded)"}}}"#
    ])
    let store = try fixture.configuration().credentials
    #expect(try store.credential(for: "a.io", repository: "x") == .identityToken("I"))
    #expect(try store.credential(for: "b.io", repository: "x") == .registryToken("R"))
    #expect(try store.credential(for: "c.io", repository: "x") == .basic(user: "u", secret: "p:q"))
  }

  @Test(arguments: [
    #"{"auths": {"a.io": {"auth": "%%%"}}}"#, #"{"auths": {"a.io": {"auth": "c2VjcmV0Y2FuYXJ5"}}}"#,
    #"{"auths": {"a.io": "secretcanary"}}"#, #"{"auths": []}"#, #"{"credHelpers": {"a.io": 1}}"#, "{secretcanary", "[]",
  ])
  func `a damaged file is told of without what is in it`(_ text: String) throws {
    let fixture = try SettingsFixture(["home/.config/containers/auth.json": text])
    let error = #expect(throws: EngineError.self) {
      try fixture.configuration().credentials.credential(for: "a.io", repository: "x")
    }
    #expect(error?.reason.contains("auth.json") == true)
    #expect(!"\(String(describing: error))".contains("secretcanary"))
    #expect(!"\(String(describing: error))".contains("c2Vj"))
  }

  @Test func `the files are asked in podman's order`() throws {
    let fixture = try SettingsFixture([
      "run1/containers/auth.json": #"{"auths": {"a.io": \#(Self.entry("session"))}}"#,
      "home/.config/containers/auth.json":
        #"{"auths": {"a.io": \#(Self.entry("x")), "b.io": \#(Self.entry("lasting"))}}"#,
      "home/.docker/config.json": #"{"auths": {"b.io": \#(Self.entry("x")), "c.io": \#(Self.entry("docker"))}}"#,
      "home/.dockercfg": #"{"https://d.io/v1/": \#(Self.entry("legacy"))}"#,
      "other/config.json": #"{"auths": {"a.io": \#(Self.entry("other"))}}"#,
      "named.json": #"{"auths": {"a.io": \#(Self.entry("named"))}}"#,
    ])
    fixture.environment.variables["XDG_RUNTIME_DIR"] = fixture.directory + "/run1"
    func users(_ options: RegistryOptions = RegistryOptions()) throws -> [String?] {
      let store = try fixture.configuration(options).credentials
      return try ["a.io", "b.io", "c.io", "d.io"].map { try store.credential(for: $0, repository: "x")?.user }
    }
    #expect(try users() == ["session", "lasting", "docker", "legacy"])
    fixture.environment.variables["DOCKER_CONFIG"] = fixture.directory + "/other"
    #expect(try users() == ["other", nil, nil, nil])
    fixture.environment.variables["REGISTRY_AUTH_FILE"] = fixture.directory + "/named.json"
    #expect(try users() == ["named", nil, nil, nil])
    #expect(try users(RegistryOptions(authFile: fixture.directory + "/none.json")) == [nil, nil, nil, nil])
  }

  @Test func `a credential on the command line is for the image's own registry`() throws {
    let fixture = try SettingsFixture([
      "home/.config/containers/auth.json": #"{"auths": {"m.io": \#(Self.entry("m"))}}"#
    ])
    let options = RegistryOptions(credential: .basic(user: "u", secret: "s"))
    let source = try fixture.configuration(options).credentials(for: Reference(parsing: "a.io/x"))
    #expect(try source.credential(for: "a.io", repository: "x") == .basic(user: "u", secret: "s"))
    #expect(try source.credential(for: "m.io", repository: "x")?.user == "m")
    #expect(try source.credential(for: "n.io", repository: "x") == nil)
  }

  @Test func `a credential shows itself nowhere`() {
    let credential = Credential.basic(user: "u", secret: "canary")
    var dumped = ""
    dump(credential, to: &dumped)
    for text in [
      "\(credential)", String(reflecting: credential), "\([credential])", "\(Optional(credential) as Any)", dumped,
    ] {
      #expect(!text.contains("canary"))
    }
  }

  // Storing.

  @Test(
    arguments: [
      ([], [:], .either, "home/.config/containers/auth.json"),
      ([], ["XDG_RUNTIME_DIR": "/run1"], .either, "run1/containers/auth.json"),
      ([], ["XDG_RUNTIME_DIR": "/run1"], .docker, "home/.docker/config.json"),
      (["home/.docker/config.json"], ["XDG_RUNTIME_DIR": "/run1"], .either, "home/.docker/config.json"),
      (
        ["home/.docker/config.json", "run1/containers/auth.json"], ["XDG_RUNTIME_DIR": "/run1"], .either,
        "run1/containers/auth.json"
      ),
      (
        ["home/.config/containers/auth.json"], ["XDG_RUNTIME_DIR": "/run1"], .either,
        "home/.config/containers/auth.json"
      ),
      (["home/.docker/config.json"], ["XDG_RUNTIME_DIR": "/run1"], .podman, "run1/containers/auth.json"),
      ([], ["DOCKER_CONFIG": "/d"], .either, "d/config.json"),
      ([], ["REGISTRY_AUTH_FILE": "/n.json", "DOCKER_CONFIG": "/d"], .docker, "n.json"),
    ] as [([String], [String: String], LoginStyle, String)])
  func `login writes to one place`(
    _ present: [String], _ variables: [String: String], _ style: LoginStyle, _ wanted: String
  ) throws {
    let fixture = try SettingsFixture(Dictionary(uniqueKeysWithValues: present.map { ($0, "{}") }))
    for (name, path) in variables { fixture.environment.variables[name] = fixture.directory + path }
    let store = try fixture.configuration().credentials
    let place = try store.store(.basic(user: "u", secret: "s"), for: "docker.io", style: style)
    #expect(place.place == fixture.directory + "/" + wanted)
    #expect(place.isPlain)
    let key = wanted.hasSuffix("config.json") ? "https://index.docker.io/v1/" : "docker.io"
    #expect(try JSON(parsing: fixture.text(wanted))["auths"]?[key]?["auth"]?.stringValue == "dTpz")
    #expect(try mustRun(["stat", "-c", "%a", place.place]).out == "600")
    #expect(try store.credential(for: "docker.io", repository: "library/x") == .basic(user: "u", secret: "s"))
    #expect(try store.erase("docker.io", style: style))
    #expect(try !store.erase("docker.io", style: style))
    #expect(try store.credential(for: "docker.io", repository: "library/x") == nil)
  }

  @Test func `a rewrite keeps what it does not know, links and privacy`() throws {
    let fixture = try SettingsFixture([
      "elsewhere/real.json":
        #"{"psFormat": "x", "auths": {"b.io": {"auth": "dTpz", "email": "e"}}, "plugins": {"p": {"k": "1"}}}"#
    ])
    try makeDirectory(fixture.directory + "/home/.docker")
    try mustRun(["ln", "-s", "../../elsewhere/real.json", fixture.directory + "/home/.docker/config.json"])
    let store = try fixture.configuration().credentials
    _ = try store.store(.basic(user: "u", secret: "s"), for: "a.io", style: .docker)
    let json = try JSON(parsing: fixture.text("elsewhere/real.json"))
    #expect(json["psFormat"] == "x")
    #expect(json["plugins"]?["p"]?["k"] == "1")
    #expect(json["auths"]?["b.io"]?["email"] == "e")
    #expect(json["auths"]?["a.io"]?["auth"] == "dTpz")
    #expect(try mustRun(["stat", "-c", "%a", fixture.directory + "/elsewhere/real.json"]).out == "600")
    #expect(linkTarget(fixture.directory + "/home/.docker/config.json") != nil)
    #expect(names(in: fixture.directory + "/elsewhere") == ["real.json"])
    try store.eraseAll(style: .docker)
    #expect(try JSON(parsing: fixture.text("elsewhere/real.json"))["auths"] == .object(JSONObject()))
    #expect(try JSON(parsing: fixture.text("elsewhere/real.json"))["psFormat"] == "x")
  }

  @Test func `a damaged file is not overwritten by login`() throws {
    let fixture = try SettingsFixture(["home/.docker/config.json": "{damaged"])
    #expect(throws: EngineError.self) {
      try CredentialStore(fixture.environment).store(.basic(user: "u", secret: "s"), for: "a.io", style: .docker)
    }
    #expect(try fixture.text("home/.docker/config.json") == "{damaged")
  }
}
