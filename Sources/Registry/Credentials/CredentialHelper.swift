internal import Basics
internal import Glibc
internal import LinuxKernel

/// A program that keeps credentials, `docker-credential-NAME`: a verb as its one argument, input and answer over
/// standard input and output (the docker-credential-helpers project's protocol). No shell, no secret in its arguments.
struct CredentialHelper {
  let name: String
  /// The caller's whole environment: helpers reach key rings by it.
  let environment: RegistryEnvironment
  /// Longest time for one call, in seconds: some ask the person for a passphrase.
  var timeout = 60

  /// Bytes of an answer.
  private static let answerLimit = 1 << 20
  /// Bytes of input: what a pipe holds at the least without a reader (pipe(7)).
  private static let inputLimit = 4096 * 8
  /// What helpers say on standard output, with status 1, when they know nothing of a registry.
  private static let notFound = ["credentials not found in native keychain", "no credentials", "not found"]
  /// The user name that says the secret is an identity token.
  private static let tokenUser = "<token>"

  private var program: String { "docker-credential-\(name)" }

  /// The credential for a server, nil when the helper has none.
  func get(_ server: String) throws(EngineError) -> Credential? {
    let (status, answer) = try call("get", Array(server.utf8))
    guard status == .exited(0) else {
      if saysNotFound(answer) { return nil }
      throw failure("get", status, answer)
    }
    // What it answered is never shown: it has the secret in it.
    guard let json = try? JSON(parsing: answer), let secret = json["Secret"]?.stringValue,
      let user = json["Username"]?.stringValue
    else { throw EngineError(.invalidInput, doing, "\(program) get answered something else than a credential") }
    if secret.isEmpty && user.isEmpty { return nil }
    return user == Self.tokenUser ? .identityToken(secret) : .basic(user: user, secret: secret)
  }

  func store(_ credential: Credential, for server: String) throws(EngineError) {
    var builder = JSONBuilder()
    builder.set("ServerURL", server)
    switch credential {
    case .basic(let user, let secret):
      builder.set("Username", user)
      builder.set("Secret", secret)
    case .identityToken(let token), .registryToken(let token):
      builder.set("Username", Self.tokenUser)
      builder.set("Secret", token)
    }
    let (status, answer) = try call("store", builder.json.bytes())
    guard status == .exited(0) else { throw failure("store", status, answer) }
  }

  /// Answers whether it had one.
  func erase(_ server: String) throws(EngineError) -> Bool {
    let (status, answer) = try call("erase", Array(server.utf8))
    if status == .exited(0) { return true }
    if saysNotFound(answer) { return false }
    throw failure("erase", status, answer)
  }

  /// Servers it knows.
  func list() throws(EngineError) -> [String] {
    let (status, answer) = try call("list", [])
    guard status == .exited(0) else { throw failure("list", status, answer) }
    guard let json = try? JSON(parsing: answer), case .object(let object) = json else {
      throw EngineError(.invalidInput, doing, "\(program) list answered something else than a list")
    }
    return object.members.map(\.name)
  }

  private var doing: String { "asking the credential helper \(safeText(name))" }

  private func saysNotFound(_ answer: [UInt8]) -> Bool {
    let text = String(decoding: answer.prefix(4096), as: UTF8.self).lowercased()
    return Self.notFound.contains { text.contains($0) }
  }

  private func failure(_ verb: String, _ end: ProcessEnd, _ answer: [UInt8]) -> EngineError {
    let said = String(decoding: answer.prefix(300), as: UTF8.self).split(separator: "\n").first.map(String.init) ?? ""
    return EngineError(
      .unavailable, doing,
      "\(program) \(verb) ended with status \(end.shellCode)" + (said.isEmpty ? "" : ": \(safeText(said))"))
  }

  /// The program on the caller's PATH. Only absolute directories count, and only a program that nobody but root and the
  /// caller can have put there (SECURITY E13).
  private func path() throws(EngineError) -> String {
    guard !name.isEmpty, name.utf8.count <= 64, name.utf8.allSatisfy(Self.isNameByte) else {
      throw EngineError(.invalidInput, doing, "\"\(safeText(String(name.prefix(64))))\" is no name of a helper")
    }
    // A root that cannot be seen owns nothing.
    let root = try? File.status("/").uid
    for directory in (environment.variable("PATH") ?? "").split(separator: ":") where directory.hasPrefix("/") {
      let path = "\(directory)/\(program)"
      // Not being there is an answer, not a failure.
      guard let status = try? File.status(path, followLink: true), status.kind == .regular, status.mode & 0o111 != 0
      else { continue }
      guard status.uid == root || status.uid == geteuid(), status.mode & 0o002 == 0 else {
        throw EngineError(
          .denied, doing, "\(path) belongs to somebody else or can be changed by anybody",
          hint: "its owner must be root or you, and its mode 0755 or less")
      }
      return path
    }
    throw EngineError(
      .notFound, doing, "\(program) is not on your PATH",
      hint: "install it, or take it out of credsStore and credHelpers")
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  /// Runs the helper. Its standard error goes nowhere: nobody knows what it prints there.
  private func call(_ verb: String, _ input: [UInt8]) throws(EngineError) -> (ProcessEnd, [UInt8]) {
    let path = try path()
    guard input.count <= Self.inputLimit else {
      throw EngineError(.limitReached, doing, "the credential is larger than \(Self.inputLimit >> 10) KiB")
    }
    let (pid, answer): (Int32, Int32)
    do throws(SystemError) { (pid, answer) = try start(path, verb, input) } catch { throw error.engineError(doing) }
    defer { File.close(answer) }
    return try collect(pid, answer)
  }

  /// Starts the helper with `input` ready for it; answers its pid and what it will write to.
  private func start(_ path: String, _ verb: String, _ input: [UInt8]) throws(SystemError) -> (Int32, Int32) {
    let toHelper = try File.pipe()
    let source = OwnedDescriptor(owning: toHelper.read)
    let entry = OwnedDescriptor(owning: toHelper.write)
    // Written before it starts: the pipe holds it all, and while we have both ends nobody can break it.
    try File.writeAll(entry.raw, input, shown: program)
    _ = consume entry
    let fromHelper = try File.pipe()
    let answer = OwnedDescriptor(owning: fromHelper.read)
    let sink = OwnedDescriptor(owning: fromHelper.write)
    let variables = environment.variables.map { "\($0.key)=\($0.value)" }
    let pid = try Spawn.start(path, [program, verb], environment: variables, descriptors: [source.raw, sink.raw, nil])
    return (pid, answer.take())
  }

  /// Reads until the answer ends, then waits for the program; ends it when it takes too long or says too much.
  private func collect(_ pid: Int32, _ answer: Int32) throws(EngineError) -> (ProcessEnd, [UInt8]) {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    let deadline = Self.seconds() + Double(timeout)
    func end(_ reason: String) -> EngineError {
      kill(pid, SIGKILL)
      var status: Int32 = 0
      waitpid(pid, &status, 0)
      return EngineError(.unavailable, doing, "\(program) \(reason) and was ended")
    }
    while true {
      var waiting = pollfd(fd: answer, events: Int16(POLLIN), revents: 0)
      let left = deadline - Self.seconds()
      guard left > 0 else { throw end("did not answer within \(timeout) seconds") }
      if poll(&waiting, 1, Int32(min(left, 3600) * 1000) + 1) <= 0 { continue }
      let count = buffer.withUnsafeMutableBytes { read(answer, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { break }
      bytes.append(contentsOf: buffer.prefix(count))
      guard bytes.count <= Self.answerLimit else { throw end("answered more than \(Self.answerLimit >> 20) MiB") }
    }
    var status: Int32 = 0
    var pause: UInt32 = 200
    while waitpid(pid, &status, WNOHANG) == 0 {
      guard Self.seconds() < deadline else { throw end("did not end within \(timeout) seconds") }
      usleep(pause)
      pause = min(pause * 2, 50_000)
    }
    return (ProcessEnd(waitStatus: status), bytes)
  }

  private static func seconds() -> Double {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
  }
}
