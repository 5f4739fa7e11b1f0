package import Basics
internal import CLinux
internal import Glibc
internal import HTTP
internal import LinuxKernel
internal import OCI
internal import RegistryServer
internal import Storage

extension Engine {
  /// Serves the images of the store as an OCI distribution registry until SIGINT or SIGTERM ends it. Each connection has a
  /// process of its own, so that a client can harm nobody but itself.
  /// - Parameter listening: is told the address once clients can come.
  package func serveRegistry(_ request: ServeRequest, listening: (String) throws -> Void) throws(EngineError) {
    let doing = "serving the store"
    try during(doing) {
      var identity: TLSIdentity?
      if let certificate = request.certificate, let key = request.key {
        identity = TLSIdentity(certificate: certificate, key: key)
      }
      let server: HTTPServer
      do throws(HTTPFailure) {
        server = try HTTPServer(
          .tcp(host: request.host, port: request.port), tls: identity,
          settings: HTTPServerSettings(keepAliveTimeout: .seconds(20)))
      } catch {
        throw EngineError(
          .unavailable, doing, error.text, hint: "choose another address with --listen HOST:PORT; port 0 is a free one")
      }
      var uploads: UploadArea?
      var intake: ManifestIntake?
      if !request.isReadOnly {
        try prepareForLayers()
        try GarbageCollector(directory).sweep()
        uploads = try UploadArea(in: directory)
        intake = ManifestIntake(directory: directory, options: try layerOptions())
      }
      let listener = try RegistryListener(server, directory: directory, uploads: uploads, intake: intake)
      let host = request.host.contains(":") ? "[\(request.host)]" : request.host
      try listening("\(identity == nil ? "http" : "https")://\(host):\(server.port)")
      try listener.run()
    }
  }
}

/// Takes connections and gives each a process.
private final class RegistryListener {
  /// Connections at the same time; more wait in the kernel until one ends.
  private static let most = 64
  /// Time that processes have to finish what they publish when the server ends, in milliseconds.
  private static let grace: Int64 = 10_000

  private let server: HTTPServer
  private let directory: StateDirectory
  private let uploads: UploadArea?
  private let intake: ManifestIntake?
  private let signals: OwnedDescriptor
  private var children: Set<Int32> = []

  init(
    _ server: HTTPServer, directory: StateDirectory, uploads: UploadArea?, intake: ManifestIntake?
  ) throws(SystemError) {
    self.server = server
    self.directory = directory
    self.uploads = uploads
    self.intake = intake
    let mask = Self.bit(SIGINT) | Self.bit(SIGTERM) | Self.bit(SIGHUP) | Self.bit(SIGCHLD)
    signals = OwnedDescriptor(owning: try systemCall("signalfd") { dhow_signalfd(mask) })
  }

  private static func bit(_ signal: Int32) -> UInt64 { 1 << UInt64(signal - 1) }

  func run() throws {
    defer { end() }
    while true {
      var entries = [
        pollfd(fd: signals.raw, events: Int16(POLLIN), revents: 0),
        pollfd(fd: children.count < Self.most ? server.descriptor : -1, events: Int16(POLLIN), revents: 0),
      ]
      try systemCall("poll") { poll(&entries, 2, -1) }
      if entries[0].revents != 0, readSignals() { return }
      if entries[1].revents != 0, let connection = try server.accept(timeout: .zero) { try start(connection) }
    }
  }

  /// Reaps children; true when the server is to end.
  private func readSignals() -> Bool {
    var isEnd = false
    var information = [UInt8](repeating: 0, count: 128)
    while read(signals.raw, &information, information.count) == information.count {
      // signalfd_siginfo begins with the number of the signal.
      let number = information.withUnsafeBytes { $0.load(as: UInt32.self) }
      if number != UInt32(SIGCHLD) { isEnd = true }
    }
    reap()
    return isEnd
  }

  private func reap() {
    for pid in children {
      var status: Int32 = 0
      if waitpid(pid, &status, WNOHANG) == pid { children.remove(pid) }
    }
  }

  private func start(_ connection: HTTPServerConnection) throws {
    let parent = getpid()
    let pid: Int32
    do throws(SystemError) { pid = try Spawn.fork() } catch {
      // No process for this client now; the others go on.
      connection.close()
      return
    }
    if pid == 0 { serve(connection, parent) }
    children.insert(pid)
    connection.abandon()
  }

  /// The process of one connection.
  private func serve(_ connection: HTTPServerConnection, _ parent: Int32) -> Never {
    // A server that was killed leaves nobody behind (PR_SET_PDEATHSIG).
    _ = dhow_prctl(1, UInt(SIGKILL), 0)
    if getppid() != parent { _exit(0) }
    server.close()
    File.close(signals.raw)
    // The terminal's ctrl-C is for the server, which ends us when nothing is half-done.
    _ = dhow_unblock_all_signals()
    _ = dhow_block_signals(Self.bit(SIGINT) | Self.bit(SIGHUP) | Self.bit(SIGPIPE))
    let publisher = intake.map(UndisturbedIntake.init)
    // A failure ends this connection and concerns nobody else; the client was told if it still listened.
    try? RegistryService(directory, uploads: uploads, publisher: publisher).serve(connection)
    connection.close()
    _exit(0)
  }

  private func end() {
    server.close()
    for pid in children { kill(pid, SIGTERM) }
    let deadline = MonotonicClock.now + Self.grace * 1_000_000
    while true {
      reap()
      if children.isEmpty || MonotonicClock.now > deadline { break }
      usleep(5_000)
    }
    for pid in children {
      kill(pid, SIGKILL)
      var status: Int32 = 0
      waitpid(pid, &status, 0)
    }
  }
}

/// Publishes with SIGTERM held back: a server that is told to end lets a manifest become an image first.
private struct UndisturbedIntake: ManifestPublisher {
  let intake: ManifestIntake

  func publish(_ manifest: PushedManifest, uploads: UploadArea) throws {
    let always = UInt64(1) << UInt64(SIGINT - 1) | 1 << UInt64(SIGHUP - 1) | 1 << UInt64(SIGPIPE - 1)
    _ = dhow_block_signals(always | 1 << UInt64(SIGTERM - 1))
    defer {
      _ = dhow_unblock_all_signals()
      _ = dhow_block_signals(always)
    }
    try intake.publish(manifest, uploads: uploads)
  }
}
