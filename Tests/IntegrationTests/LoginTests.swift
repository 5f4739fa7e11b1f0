import Basics
import TestSupport
import Testing

/// `login` and `logout` against the distribution's registry, with htpasswd and with tokens.
@Suite struct LoginTests {
  private let user = RegistryFixture.user
  private let password = RegistryFixture.password

  /// A home and a runtime directory of the test's own, so that the machine's files are out of play.
  private func home(_ store: Store) throws -> [String: String] {
    ["HOME": try store.folder("home"), "XDG_RUNTIME_DIR": try store.folder("run", mode: 0o700)]
  }

  private func mode(_ path: String) throws -> String { try mustRun(["stat", "-c", "%a %U", path]).out }

  @Test(
    .requires(.registry, .unprivilegedUser),
    arguments: [
      RegistryFixture.Login.htpasswd, .token(rsa: true), .token(rsa: false),
    ])
  func `a right password is stored, privately, and a wrong one is not`(_ login: RegistryFixture.Login) throws {
    let registry = try RegistryFixture(login: login)
    try withStore { store in
      let environment = try home(store)
      let file = store.directory + "/run/containers/auth.json"
      let wrong = try store.dhow(
        "login", "-u", user, "--password-stdin", registry.authority, input: Array("canary-wrong\n".utf8),
        environment: environment)
      #expect(wrong.status == 1, "\(wrong)")
      #expect(wrong.err.contains("logging in to \(registry.authority)"), "\(wrong)")
      #expect(wrong.err.contains("hint: check the user name and the password"), "\(wrong)")
      #expect(!wrong.err.contains("canary"))
      #expect(!exists(file))
      let right = try store.dhow(
        "login", "-u", user, "--password-stdin", registry.authority, input: Array("\(password)\n".utf8),
        environment: environment)
      #expect(right.succeeded, "\(right)")
      #expect(right.out == "Login Succeeded")
      #expect(right.err.contains("stored unencrypted in '\(file)'"), "\(right)")
      #expect(try mode(file).hasPrefix("600 "))
      // A token service gives something in the password's place.
      let givesToken = registry.tokenService != nil
      let entry = try JSON(parsing: readText(file))["auths"]?[registry.authority]
      #expect(
        entry?["auth"]?.stringValue == base64Encoded(Array((givesToken ? ":" : "\(user):\(password)").utf8)))
      #expect(entry?["identitytoken"]?.stringValue == (givesToken ? RegistryFixture.refreshToken : nil))
      let name = givesToken ? "<token>" : user
      #expect(try store.must("login", "--get-login", registry.authority, environment: environment).out == name)
      let again = try store.must("login", registry.authority, environment: environment)
      #expect(again.lines == ["Authenticating with existing credentials... [Username: \(name)]", "Login Succeeded"])
      let out = try store.must("logout", registry.authority, environment: environment)
      #expect(out.out == "Removing login credentials for \(registry.authority)")
      #expect(try store.must("logout", registry.authority, environment: environment).out.hasPrefix("Not logged in"))
      let nobody = try store.dhow("login", "--get-login", registry.authority, environment: environment)
      #expect(nobody.status == 1)
      #expect(try !registry.log().contains(password))
    }
  }

  @Test(.requires(.registry, .unprivilegedUser))
  func `over TLS the authority must be known, and a login never falls back to http`() throws {
    let registry = try RegistryFixture(tls: true, login: .htpasswd)
    try withStore { store in
      let environment = try home(store)
      let words = ["login", "-u", user, "--password-stdin", registry.authority]
      let input = Array(password.utf8)
      let strict = try store.dhow(words + ["--tls-verify"], input: input, environment: environment)
      #expect(strict.status == 1, "\(strict)")
      #expect(strict.err.contains("certificate"), "\(strict)")
      let known = try store.dhow(
        words + ["--cert-dir", registry.certificateDirectory(in: store)], input: input, environment: environment)
      #expect(known.succeeded, "\(known)")
      try store.folder("home/.config")
      try store.folder("home/.config/containers")
      try store.folder("home/.config/containers/certs.d")
      try store.folder("home/.config/containers/certs.d/\(registry.authority)")
      try store.file(
        "home/.config/containers/certs.d/\(registry.authority)/ca.crt",
        readText(TestAuthority.shared.get().certificate))
      let installed = try store.dhow(words, input: input, environment: environment)
      #expect(installed.succeeded, "\(installed)")
    }
  }

  @Test(.requires(.registry, .unprivilegedUser, .program("skopeo")))
  func `skopeo reads what login stores, and login reads what skopeo stores`() throws {
    let registry = try RegistryFixture(login: .htpasswd)
    try withStore { store in
      let environment = try home(store)
      try store.must(
        "login", "-u", user, "--password-stdin", registry.authority, input: Array(password.utf8),
        environment: environment)
      let skopeo = try run(
        ["skopeo", "login", "--get-login", registry.authority], as: store.identity, environment: environment)
      #expect(skopeo.out == user, "\(skopeo)")
      try mustRun(["skopeo", "logout", registry.authority], as: store.identity, environment: environment)
      #expect(try !store.dhow("login", "--get-login", registry.authority, environment: environment).succeeded)
      try mustRun(
        ["skopeo", "login", "--tls-verify=false", "-u", user, "--password-stdin", registry.authority],
        as: store.identity, environment: environment, input: Array(password.utf8))
      #expect(try store.must("login", "--get-login", registry.authority, environment: environment).out == user)
    }
  }

  @Test(.requires(.registry, .unprivilegedUser, .terminal))
  func `a person is asked, and the password is not shown`() throws {
    let registry = try RegistryFixture(login: .htpasswd)
    try withStore { store in
      let environment = try home(store)
      let terminal = try TerminalSession(store)
      let variables = environment.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
      try terminal.line("\(variables) \(store.command(["login", registry.authority]).joined(separator: " "))")
      try terminal.expect("Username:")
      try terminal.line(user)
      try terminal.expect("Password:")
      try terminal.line(password)
      try terminal.expect("Login Succeeded")
      #expect(try !terminal.screen().contains(password))
      // Interrupted at the password, the terminal echoes again.
      try terminal.line("\(variables) \(store.command(["logout", registry.authority]).joined(separator: " "))")
      try terminal.expect("Removing login credentials")
      try terminal.line(
        "\(variables) \(store.command(["login", "-u", user, registry.authority]).joined(separator: " "))")
      try terminal.expect("Password:")
      try terminal.press("C-c")
      try terminal.expectPrompt("outer$")
      try terminal.line("echo vis''ible")
      try terminal.expect("visible")
      #expect(try terminal.screen().contains("echo vis''ible"))
    }
  }

  @Test(.requires(.registry, .unprivilegedUser))
  func `a password is in no child's arguments while a helper keeps it`() throws {
    let registry = try RegistryFixture(login: .htpasswd)
    try withStore { store in
      var environment = try home(store)
      try store.folder("home/.docker")
      try store.folder("bin")
      let kept = store.directory + "/home/kept"
      try store.file(
        "bin/docker-credential-keep",
        """
        #!/bin/sh
        case $1 in
        store) cat >"\(kept)"; tr '\\0' ' ' </proc/$$/cmdline >"\(kept).arguments" ;;
        get) sed 's/"ServerURL":"[^"]*",//' "\(kept)" ;;
        erase) rm -f "\(kept)" ;;
        esac
        """, mode: 0o755)
      try store.file("home/.docker/config.json", #"{"credsStore": "keep", "psFormat": "x"}"#)
      environment["PATH"] = "\(store.directory)/bin:/usr/bin:/bin"
      let login = try store.must(
        "login", "-u", user, "--password-stdin", registry.authority, input: Array(password.utf8),
        environment: environment)
      #expect(!login.err.contains("unencrypted"))
      #expect(try readText(kept).contains(password))
      #expect(try !readText(kept + ".arguments").contains(password))
      let file = try readText(store.directory + "/home/.docker/config.json")
      #expect(!file.contains(base64Encoded(Array("\(user):\(password)".utf8))))
      #expect(file.contains("psFormat"))
      #expect(try store.must("login", registry.authority, environment: environment).out.contains("Login Succeeded"))
      try store.must("logout", registry.authority, environment: environment)
      #expect(!exists(kept))
    }
  }

  @Test(
    .requires(.unprivilegedUser),
    arguments: [
      (["-u", "x", "localhost:1"], "non-TTY device"), (["--password-stdin", "localhost:1"], "Must provide --username"),
      (["-u", "x", "-p", "y", "--password-stdin", "localhost:1"], "mutually exclusive"),
      (["-u", "x", "-p", "y", "bad host"], "invalid reference format"),
      (["-u", "x", "-p", "y", "nodot"], "no registry's name"),
      (["-u", "x:z", "-p", "y", "localhost:1"], "no colon"),
      (["-u", "x", "-p", "y", "localhost:1"], "connection refused"),
    ])
  func `what cannot work is refused with a sentence`(_ words: [String], _ reason: String) throws {
    try withStore { store in
      let outcome = try store.dhow(["login"] + words, environment: try home(store))
      #expect(outcome.status == 1, "\(outcome)")
      #expect(outcome.err.contains(reason), "\(outcome)")
    }
  }

  @Test(.requires(.registry, .unprivilegedUser))
  func `logins at the same time are all kept`() throws {
    let registry = try RegistryFixture()
    try withStore { store in
      let environment = try home(store)
      let logins = try (0..<6).map { number in
        try store.start(
          ["login", "-u", "user\(number)", "--password-stdin", "\(registry.authority)/team\(number)"],
          input: .bytes(Array("x".utf8)), environment: environment)
      }
      for login in logins { #expect(login.wait().succeeded) }
      for number in 0..<6 {
        let name = "\(registry.authority)/team\(number)/app"
        #expect(try store.must("login", "--get-login", name, environment: environment).out == "user\(number)")
      }
      try store.must("logout", "--all", environment: environment)
      let left = try store.dhow("login", "--get-login", "\(registry.authority)/team1", environment: environment)
      #expect(left.status == 1)
      #expect(names(in: store.directory + "/run/containers") == ["auth.json"])
    }
  }

  @Test(.requires(.registry, .unprivilegedUser))
  func `called as docker or podman it answers and stores as they do`() throws {
    let registry = try RegistryFixture()
    try withStore { store in
      let environment = try home(store)
      let answers = [
        ("docker", "Login Succeeded", "home/.docker/config.json"),
        ("podman", "Login Succeeded!", "run/containers/auth.json"),
      ]
      for (name, words, file) in answers {
        let program = "\(store.directory)/\(name)"
        try mustRun(["ln", "-s", DhowBinary.path, program])
        func call(_ words: String...) throws -> Outcome {
          try run(
            [program, "--root", store.root, "--runroot", store.runroot] + words, as: store.identity,
            environment: environment, input: Array("x".utf8))
        }
        let login = try call("login", "-u", "u", "--password-stdin", registry.authority)
        #expect(login.out == words, "\(login)")
        #expect(exists("\(store.directory)/\(file)"))
        let out = try call("logout", registry.authority)
        #expect(out.succeeded, "\(out)")
        let again = try call("logout", registry.authority)
        #expect(again.succeeded == (name == "docker"), "\(again)")
      }
      // docker's --config is where its files are.
      try store.must(
        "--config", store.directory + "/home/client", "login", "-u", "u", "--password-stdin", registry.authority,
        input: Array("x".utf8), environment: environment)
      #expect(exists(store.directory + "/home/client/config.json"))
    }
  }
}
