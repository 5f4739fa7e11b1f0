import Basics
import HTTP
import OCI
import TestSupport
import Testing

@testable import Registry

/// Rules of containers-registries.conf(5) and containers-registries.conf.d(5), and of docker's daemon.json.
@Suite struct RegistriesConfTests {
  static let manual = """
    unqualified-search-registries = ["example.com"]
    [[registry]]
    prefix = "example.com/foo"
    insecure = false
    blocked = false
    location = "internal-registry-for-example.com/bar"
    [[registry.mirror]]
    location = "example-mirror-0.local/mirror-for-foo"
    [[registry.mirror]]
    location = "example-mirror-1.local/mirrors/foo"
    insecure = true
    [[registry]]
    location = "registry.com"
    [[registry.mirror]]
    location = "mirror.registry.com"
    """

  @Test(arguments: [
    ("", "busybox", ["registry-1.docker.io/library/busybox"]),
    ("", "quay.io/a/b:1", ["quay.io/a/b"]),
    // The example of the manual page.
    (
      manual, "example.com/foo/image:latest",
      [
        "~example-mirror-0.local/mirror-for-foo/image", "~example-mirror-1.local/mirrors/foo/image!",
        "internal-registry-for-example.com/bar/image",
      ]
    ),
    (manual, "registry.com/image:latest", ["~mirror.registry.com/image", "registry.com/image"]),
    (manual, "example.com/foobar/image", ["example.com/foobar/image"]),
    // The longest prefix wins, whole components only.
    (
      "[[registry]]\nlocation='a.io'\ninsecure=true\n[[registry]]\nprefix='a.io/x/y'\nlocation='b.io/z'",
      "a.io/x/y/q", ["b.io/z/q"]
    ),
    (
      "[[registry]]\nlocation='a.io'\ninsecure=true\n[[registry]]\nprefix='a.io/x/y'\nlocation='b.io/z'",
      "a.io/x/yy", ["a.io/x/yy!"]
    ),
    ("[[registry]]\nprefix='a.io/x:1'\nlocation='b.io/z:2'", "a.io/x:1", ["b.io/z"]),
    ("[[registry]]\nprefix='a.io/x:1'\nlocation='b.io/z:2'", "a.io/x:11", ["a.io/x"]),
    // Another port is another registry.
    ("[[registry]]\nlocation='a.io'\ninsecure=true", "a.io:5000/x", ["a.io:5000/x"]),
    // Wildcards cover any number of subdomains, with or without port, and not the domain itself.
    ("[[registry]]\nprefix='*.a.io'\ninsecure=true", "r.a.io/x", ["r.a.io/x!"]),
    ("[[registry]]\nprefix='*.a.io'\ninsecure=true", "q.r.a.io:5000/x", ["q.r.a.io:5000/x!"]),
    ("[[registry]]\nprefix='*.a.io'\ninsecure=true", "a.io/x", ["a.io/x"]),
    ("[[registry]]\nprefix='*.a.io'\ninsecure=true", "ra.io/x", ["ra.io/x"]),
    ("[[registry]]\nprefix='*.a.io'\ninsecure=true", "b.io/r.a.io/x", ["b.io/r.a.io/x"]),
    ("[[registry]]\nprefix='*.a.io'\nlocation='b.io/all'", "r.a.io/x:1", ["b.io/all/x"]),
    // Mirrors for digests or tags only.
    (
      "[[registry]]\nlocation='a.io'\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation='m.io'", "a.io/x:1",
      ["a.io/x"]
    ),
    (
      "[[registry]]\nlocation='a.io'\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation='m.io'",
      "a.io/x@" + digest, ["~m.io/x", "a.io/x"]
    ),
    (
      """
      [[registry]]\nlocation='a.io'\n[[registry.mirror]]\nlocation='d.io'\npull-from-mirror='digest-only'
      [[registry.mirror]]\nlocation='t.io'\npull-from-mirror='tag-only'
      [[registry.mirror]]\nlocation='e.io'\npull-from-mirror='all'
      """, "a.io/x", ["~t.io/x", "~e.io/x", "a.io/x"]
    ),
    (
      """
      [[registry]]\nlocation='a.io'\n[[registry.mirror]]\nlocation='d.io'\npull-from-mirror='digest-only'
      [[registry.mirror]]\nlocation='t.io'\npull-from-mirror='tag-only'
      """, "a.io/x@" + digest, ["~d.io/x", "a.io/x"]
    ),
    // docker.io's own namespace has to be written out.
    ("[[registry]]\nprefix='docker.io/library'\nlocation='m.io/hub'", "busybox", ["m.io/hub/busybox"]),
    (
      "[[registry]]\nprefix='docker.io/busybox'\nlocation='m.io/hub'", "busybox",
      ["registry-1.docker.io/library/busybox"]
    ),
    // A blocked mirror is passed over.
    (
      "[[registry]]\nlocation='a.io'\n[[registry.mirror]]\nlocation='m.io'\n[[registry]]\nlocation='m.io'\nblocked=true",
      "a.io/x", ["a.io/x"]
    ),
  ])
  func `an image is asked for where the file says`(_ conf: String, _ name: String, _ wanted: [String]) throws {
    let fixture = try SettingsFixture(["etc/containers/registries.conf": conf])
    #expect(try fixture.endpoints(name) == wanted)
  }

  @Test func `a push goes to the registry itself`() throws {
    let fixture = try SettingsFixture(["etc/containers/registries.conf": Self.manual])
    #expect(try fixture.endpoints("example.com/foo/image", .push) == ["example.com/foo/image"])
    #expect(try fixture.endpoints("registry.com/image", .push) == ["registry.com/image"])
  }

  @Test(arguments: [
    ("[[registry]]\nlocation='a.io'\nblocked=true", "a.io/x", RegistryPurpose.pull),
    ("[[registry]]\nlocation='a.io'\nblocked=true", "a.io/x", .push),
    ("[[registry]]\nprefix='a.io/x'\nlocation='a.io/x'\nblocked=true", "a.io/x/y:1", .pull),
    ("[[registry]]\nprefix='*.a.io'\nblocked=true", "r.a.io:443/x", .pull),
    ("[[registry]]\nprefix='a.io'\nlocation='b.io'\n[[registry]]\nlocation='b.io/x'\nblocked=true", "a.io/x", .pull),
  ])
  func `a blocked registry is refused`(_ conf: String, _ name: String, _ purpose: RegistryPurpose) throws {
    let fixture = try SettingsFixture(["etc/containers/registries.conf": conf])
    let error = #expect(throws: EngineError.self) { try fixture.endpoints(name, purpose) }
    #expect(error?.kind == .denied)
    #expect(error?.reason.contains("etc/containers/registries.conf") == true)
  }

  @Test func `a redirect to a blocked host is refused`() throws {
    let fixture = try SettingsFixture([
      "etc/containers/registries.conf": "[[registry]]\nlocation='cdn.io:444'\nblocked=true"
    ])
    let configuration = try fixture.configuration()
    #expect(throws: EngineError.self) { try configuration.checkNotBlocked("cdn.io:444") }
    try configuration.checkNotBlocked("cdn.io")
  }

  @Test(arguments: [
    ("a = 1\na = 2", "line 2"), ("[registries.search]\nregistries = ['docker.io']", "version 1"),
    ("[[registry]]", "location is missing"), ("[[registry]]\nprefix='a.io'", "location is missing"),
    ("[[registry]]\nlocation='https://a.io'", "without its scheme"), ("[[registry]]\nlocation=1", "is not a string"),
    ("[[registry]]\nlocation='a.io'\npull-from-mirror='all'", "belongs into"),
    ("[[registry]]\nlocation='a.io'\n[[registry.mirror]]\ninsecure=true", "mirror[0].location is missing"),
    ("[[registry]]\nlocation='a.io'\n[[registry.mirror]]\nlocation='b.io'\npull-from-mirror='x'", "is none of all"),
    (
      "[[registry]]\nlocation='a.io'\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation='b.io'\npull-from-mirror='all'",
      "contradicts"
    ),
    ("[[registry]]\nprefix='*.a.io/x'\nlocation='b.io'", "more than a host"),
    (
      "[[registry]]\nprefix='x.io'\nlocation='a.io'\ninsecure=true\n[[registry]]\nlocation='a.io'",
      "different \"insecure\""
    ),
    (
      "[[registry]]\nprefix='x.io'\nlocation='a.io'\nblocked=true\n[[registry]]\nlocation='a.io'",
      "different \"blocked\""
    ),
    ("short-name-mode = 'often'", "is none of enforcing"),
    ("unqualified-search-registries = ['a b']", "is no registry"),
    ("[aliases]\n'a.io/x' = 'b.io/x'", "is no short name"), ("[aliases]\n'x:1' = 'b.io/x'", "is no short name"),
    ("[aliases]\nx = 'y'", "full name"), ("[aliases]\nx = 'b.io/y:1'", "full name"),
  ])
  func `a file that makes no sense is refused by name`(_ conf: String, _ reason: String) throws {
    let fixture = try SettingsFixture(["etc/containers/registries.conf": conf])
    let error = #expect(throws: EngineError.self) { try fixture.endpoints("quay.io/x") }
    #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    #expect(error?.reason.contains("etc/containers/registries.conf") == true)
  }

  @Test func `drop-ins replace what came before, the user's file the system's`() throws {
    let fixture = try SettingsFixture([
      "etc/containers/registries.conf": "unqualified-search-registries = ['one.io']\n[[registry]]\nlocation='a.io'",
      "etc/containers/registries.conf.d/20.conf": "unqualified-search-registries = ['two.io']",
      "etc/containers/registries.conf.d/10.conf": "unqualified-search-registries = ['zero.io']",
      "etc/containers/registries.conf.d/30.txt": "no toml at all",
      "home/.config/containers/registries.conf.d/10.conf": "[[registry]]\nprefix='a.io'\nlocation='b.io'",
    ])
    #expect(try fixture.endpoints("a.io/x") == ["b.io/x"])
    #expect(try fixture.configuration().candidates(for: "x").map(\.description) == ["two.io/x"])
    try fixture.add("home/.config/containers/registries.conf", "[[registry]]\nprefix='a.io'\nlocation='c.io'")
    #expect(try fixture.configuration().candidates(for: "x").map(\.description) == ["docker.io/library/x"])
    #expect(try fixture.endpoints("a.io/x") == ["b.io/x"])
    try fixture.add("named.conf", "[[registry]]\nprefix='q.io'\nlocation='d.io'")
    fixture.environment.variables["CONTAINERS_REGISTRIES_CONF"] = fixture.directory + "/named.conf"
    #expect(try fixture.endpoints("q.io/x") == ["d.io/x"])
    #expect(try fixture.configuration().candidates(for: "x").map(\.description) == ["two.io/x"])
    fixture.environment.variables["CONTAINERS_REGISTRIES_CONF"] = fixture.directory + "/none.conf"
    #expect(throws: EngineError.self) { try fixture.configuration() }
  }

  @Test(arguments: [
    ("x", ["docker.io/library/x"], ""),
    ("x:1", ["a.io/x:1", "docker.io/library/x:1"], "unqualified-search-registries = ['a.io', 'docker.io']"),
    ("t/x@" + digest, ["a.io/t/x@" + digest], "unqualified-search-registries = ['a.io']"),
    ("quay.io/x", ["quay.io/x"], "unqualified-search-registries = ['a.io']"),
    ("localhost/x", ["localhost/x"], "unqualified-search-registries = ['a.io']"),
    ("x:2", ["b.io/y/x:2"], "unqualified-search-registries = ['a.io']\n[aliases]\nx = 'b.io/y/x'"),
    ("t/x", ["b.io/z"], "[aliases]\n't/x' = 'b.io/z'"),
    ("x", ["a.io/x"], "short-name-mode='enforcing'\nunqualified-search-registries = ['a.io']"),
    ("x", ["docker.io/library/x"], "unqualified-search-registries = []"),
    ("x", ["docker.io/library/x"], "unqualified-search-registries = ['index.docker.io']"),
  ])
  func `a short name stands for what the file says`(_ name: String, _ wanted: [String], _ conf: String) throws {
    let fixture = try SettingsFixture(["etc/containers/registries.conf": conf])
    #expect(try fixture.configuration().candidates(for: name).map(\.description) == wanted)
  }

  @Test func `an enforced short name with several registries is refused`() throws {
    let fixture = try SettingsFixture([
      "etc/containers/registries.conf":
        "short-name-mode='enforcing'\nunqualified-search-registries = ['a.io', 'b.io']\n[aliases]\nk='c.io/k'",
      "home/.cache/containers/short-name-aliases.conf": "[aliases]\nr = 'd.io/r'\nk = ''",
    ])
    let configuration = try fixture.configuration()
    let error = #expect(throws: EngineError.self) { try configuration.candidates(for: "x") }
    #expect(error?.hint?.contains("a.io/x") == true)
    // An alias recorded by podman, and one it erased.
    #expect(try configuration.candidates(for: "r").map(\.description) == ["d.io/r"])
    #expect(throws: EngineError.self) { try configuration.candidates(for: "k") }
  }

  @Test(arguments: [
    ("localhost:5000/x", "", true), ("127.0.0.1:5000/x", "", true), ("127.9.8.7/x", "", true),
    ("[::1]:5000/x", "", true),
    ("a.io/x", "", false), ("10.0.0.1/x", "", false),
    ("localhost:5000/x", "[[registry]]\nlocation='localhost:5000'\ninsecure=false", false),
    ("localhost:5000/x", "[[registry]]\nlocation='localhost:5000'", true),
  ])
  func `docker's rule for this machine holds unless the file says otherwise`(
    _ name: String, _ conf: String, _ isInsecure: Bool
  ) throws {
    let fixture = try SettingsFixture(["etc/containers/registries.conf": conf])
    func endpoint(_ options: RegistryOptions) throws -> RegistryEndpoint {
      try #require(try fixture.configuration(options).endpoints(for: Reference(parsing: name)).last)
    }
    let plain = try endpoint(RegistryOptions())
    #expect(plain.isInsecure == isInsecure)
    #expect(plain.trust.verify == !isInsecure)
    #expect(plain.warning == nil)
    #expect((plain.plainBase != nil) == isInsecure)
    #expect(try endpoint(RegistryOptions(verifiesTLS: true)).isInsecure == false)
    #expect(try endpoint(RegistryOptions(verifiesTLS: false)).isInsecure == true)
  }

  @Test func `a registry that a file marks insecure comes with a warning`() throws {
    let fixture = try SettingsFixture([
      "etc/containers/registries.conf": "[[registry]]\nlocation='a.io'\ninsecure=true",
      "etc/docker/daemon.json": #"{"insecure-registries": ["b.io:5000", "10.0.0.0/8", "fd00::/8"]}"#,
    ])
    let configuration = try fixture.configuration()
    for (name, file) in [
      ("a.io/x", "registries.conf"), ("b.io:5000/x", "daemon.json"), ("10.1.2.3:80/x", "daemon.json"),
      ("[fd00::1]/x", "daemon.json"),
    ] {
      let endpoint = try #require(try configuration.endpoints(for: Reference(parsing: name)).last)
      #expect(endpoint.isInsecure)
      #expect(endpoint.warning?.contains(file) == true, "\(name)")
    }
    for name in ["b.io/x", "b.io:5001/x", "11.0.0.1/x", "[fc00::1]/x"] {
      #expect(try configuration.endpoints(for: Reference(parsing: name)).last?.isInsecure == false, "\(name)")
    }
  }

  @Test func `daemon.json's mirrors are for Docker Hub and for pulling`() throws {
    let fixture = try SettingsFixture([
      "etc/docker/daemon.json": #"{"registry-mirrors": ["https://m.io", "http://n.io:81/"]}"#
    ])
    #expect(
      try fixture.endpoints("busybox") == [
        "~m.io/library/busybox", "~n.io:81/library/busybox!", "registry-1.docker.io/library/busybox",
      ])
    #expect(try fixture.configuration().endpoints(for: Reference(parsing: "x"))[1].base.scheme == .http)
    #expect(try fixture.endpoints("quay.io/x") == ["quay.io/x"])
    #expect(try fixture.endpoints("busybox", .push) == ["registry-1.docker.io/library/busybox"])
    try fixture.add("etc/docker/daemon.json", #"{"registry-mirrors": ["https://m.io/path"]}"#)
    #expect(throws: EngineError.self) { try fixture.configuration() }
    try fixture.add("etc/docker/daemon.json", #"{"registry-mirrors": ["m.io"]}"#)
    #expect(throws: EngineError.self) { try fixture.configuration() }
  }

  @Test func `certificates are those of the registry's own directory`() throws {
    let fixture = try SettingsFixture([
      "etc/docker/certs.d/a.io:5000/ca.crt": "", "etc/containers/certs.d/b.io/ca.crt": "",
      "etc/containers/certs.d/b.io/client.cert": "", "etc/containers/certs.d/b.io/client.key": "",
      "home/.config/containers/certs.d/c.io/x.cert": "", "etc/containers/certs.d/d.io/x.key": "",
      "etc/docker/certs.d/localhost:5000/ca.crt": "", "named/mine.crt": "",
    ])
    func trust(_ name: String, _ options: RegistryOptions = RegistryOptions()) throws -> TLSTrust {
      try #require(try fixture.configuration(options).endpoints(for: Reference(parsing: name)).last).trust
    }
    #expect(try trust("a.io:5000/x").extraAuthorities == [fixture.directory + "/etc/docker/certs.d/a.io:5000/ca.crt"])
    #expect(try trust("a.io/x").extraAuthorities == [])
    #expect(try trust("b.io/x").clientCertificate?.key == fixture.directory + "/etc/containers/certs.d/b.io/client.key")
    #expect(throws: EngineError.self) { try trust("c.io/x") }
    #expect(throws: EngineError.self) { try trust("d.io/x") }
    // An authority that somebody installed for this machine's registry is meant to be used.
    #expect(try trust("localhost:5000/x").verify)
    let named = RegistryOptions(certificateDirectory: fixture.directory + "/named")
    #expect(try trust("b.io/x", named).extraAuthorities == [fixture.directory + "/named/mine.crt"])
    #expect(throws: EngineError.self) { try trust("b.io/x", RegistryOptions(certificateDirectory: "/nowhere")) }
  }

  @Test func `proxies come from the environment, else from docker's files`() throws {
    let fixture = try SettingsFixture([
      "home/.docker/config.json": #"{"proxies": {"default": {"httpProxy": "http://c:1", "noProxy": "a.io"}}}"#
    ])
    #expect(try fixture.configuration().proxy.http == "http://c:1")
    #expect(try fixture.configuration().proxy.exceptions == "a.io")
    try fixture.add("etc/docker/daemon.json", #"{"proxies": {"https-proxy": "http://d:1"}}"#)
    #expect(try fixture.configuration().proxy.https == "http://d:1")
    #expect(try fixture.configuration().proxy.http == nil)
    fixture.environment.variables["https_proxy"] = "http://e:1"
    #expect(try fixture.configuration().proxy.https == "http://e:1")
  }

  @Test func `of docker's HttpHeaders those for registries are sent`() throws {
    let fixture = try SettingsFixture([
      "home/.docker/config.json": #"{"HttpHeaders": {"X-Meta-Team": "a", "Authorization": "secret", "X-Other": "b"}}"#
    ])
    #expect(try fixture.configuration().headers.fields.map(\.name) == ["X-Meta-Team"])
    try fixture.add("home/.docker/config.json", #"{"HttpHeaders": {"X-Meta-Team": "a\r\nX: y"}}"#)
    #expect(throws: EngineError.self) { try fixture.configuration() }
  }

  @Test func `settings that are no files, or endless, are refused`() throws {
    let fixture = try SettingsFixture()
    try makeDirectory(fixture.directory + "/etc/containers")
    try mustRun(["mkfifo", fixture.directory + "/etc/containers/registries.conf"])
    #expect(throws: EngineError.self) { try fixture.configuration() }
    try mustRun(["rm", fixture.directory + "/etc/containers/registries.conf"])
    try fixture.add("etc/containers/registries.conf", "# " + String(repeating: "x", count: 1 << 20))
    let error = #expect(throws: EngineError.self) { try fixture.configuration() }
    #expect(error?.kind == .limitReached)
  }
}
