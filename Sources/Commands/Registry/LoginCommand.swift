internal import Basics
internal import ContainerEngine
internal import Glibc
internal import LinuxKernel

/// `login`: credentials for a registry, tried and then stored.
enum LoginCommand: Command {
  static let words = CommandWords("[OPTIONS] [SERVER]", "Authenticate to a registry", .atMost(1))

  struct Options: CommandOptions {
    var registry = RegistryFlags()
    var user: String?
    var password: String?
    var passwordFromInput = false
    var showsUser = false
    var isVerbose = false
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("get-login", nil, "Print the user that is logged in to the registry") { $0.showsUser = $1 },
      .text("password", "p", "string", "Password or access token (others see it in the process list)") {
        $0.password = $1
      },
      .toggle("password-stdin", nil, "Take the password from standard input") { $0.passwordFromInput = $1 },
      .text("username", "u", "string", "Username") { $0.user = $1 },
      .toggle("verbose", "v", "Tell where the credentials are stored") { $0.isVerbose = $1 },
    ] + RegistryFlags.flags.filter { $0.name != "creds" }.map { $0.on(\.registry) }
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let isDocker = invocation.program == .docker
    let server = try LoginServer(operands.first ?? "docker.io", ignoresPath: isDocker)
    let engine = try invocation.engine()
    let access = options.registry.access
    if options.showsUser { return try showUser(server, engine, access, invocation) }
    let user = options.user.flatMap { $0.isEmpty ? nil : $0 }
    let password = try givenPassword(options, user, invocation)
    var usual: String?
    if user == nil, password == nil {
      usual = try engine.loggedInUser(server, access)
      if let usual, try takesStored(usual, server, engine, access, invocation) { return .success }
    }
    let prompt = LoginPrompt(invocation)
    let name = try user ?? prompt.userName(usual: usual)
    let stored = try engine.logIn(
      server, user: name, password: password ?? prompt.password(), access, as: invocation.loginCaller)
    if options.isVerbose { invocation.output.line("Used: \(safeText(stored.place))") }
    if stored.isPlain, invocation.program != .podman {
      invocation.errors.write(
        """
        WARNING! Your credentials are stored unencrypted in '\(safeText(stored.place))'.
        Configure a credential helper to remove this warning (see \(invocation.program.rawValue)-login(1)).

        """)
      try invocation.errors.flush()
    }
    succeed(invocation)
    return .success
  }

  private static func succeed(_ invocation: Invocation) {
    invocation.output.line(invocation.program == .podman ? "Login Succeeded!" : "Login Succeeded")
  }

  private static func showUser(
    _ server: LoginServer, _ engine: Engine, _ access: RegistryAccess, _ invocation: Invocation
  ) throws -> ExitCode {
    guard let user = try engine.loggedInUser(server, access) else {
      throw EngineError(
        .notFound, "", "not logged into \(server.key)", hint: "dhow login \(server.key)")
    }
    invocation.output.line(safeText(user))
    return .success
  }

  /// The password of `-p` or of standard input.
  private static func givenPassword(
    _ options: Options, _ user: String?, _ invocation: Invocation
  ) throws -> String? {
    if options.passwordFromInput {
      guard options.password == nil else {
        throw EngineError(.invalidInput, "", "--password and --password-stdin are mutually exclusive")
      }
      guard user != nil else {
        throw EngineError(.invalidInput, "", "Must provide --username with --password-stdin")
      }
      return try LoginPrompt.inputPassword()
    }
    guard let password = options.password, !password.isEmpty else { return nil }
    invocation.errors.line("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    return password
  }

  /// Whether the credentials there are do; said in docker's or podman's words.
  private static func takesStored(
    _ user: String, _ server: LoginServer, _ engine: Engine, _ access: RegistryAccess, _ invocation: Invocation
  ) throws -> Bool {
    let isPodman = invocation.program == .podman
    invocation.output.line(
      isPodman
        ? "Authenticating with existing credentials for \(server.key)"
        : "Authenticating with existing credentials... [Username: \(safeText(user))]")
    do throws(EngineError) {
      try engine.checkLogin(server, access)
    } catch {
      guard error.kind == .denied, isatty(STDIN_FILENO) == 1 else { throw error }
      invocation.output.line(
        isPodman
          ? "Existing credentials are invalid, please enter valid username and password"
          : "Login did not succeed, error: \(safeText(error.reason))")
      return false
    }
    if isPodman {
      invocation.output.line("Existing credentials are valid. Already logged in to \(server.key)")
    } else {
      succeed(invocation)
    }
    return true
  }
}
