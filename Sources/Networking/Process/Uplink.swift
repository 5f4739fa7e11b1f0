internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// The way out of an ordinary user's networks: one pasta(1), or slirp4netns(1), for all of his containers, started with
/// the first and started again when it dies.
final class Uplink {
  enum State: Equatable {
    case idle
    case starting
    case up
    /// In words.
    case failed(String)
  }

  private(set) var state = State.idle
  private let loop: EventLoop
  private let host: HostSockets
  private let route: NetlinkSocket
  private let namespace: Int32
  private var process: OwnedDescriptor?
  private var output: OwnedDescriptor?
  private var said: [UInt8] = []
  private var startedAt: Int64 = 0
  private var pause: Int64 = 100_000_000
  private var waiting: [() -> Void] = []

  static let interface = "uplink0"
  private static let address = "10.0.2.100"
  private static let router = "10.0.2.2"
  /// How long the program may take before containers start without it.
  private static let patience: Int64 = 3_000_000_000
  private static let longestPause: Int64 = 30_000_000_000
  private static let saidLimit = 8192

  private let directory: Int32

  init(loop: EventLoop, host: HostSockets, route: NetlinkSocket, namespace: Int32, directory: Int32) {
    self.directory = directory
    self.loop = loop
    self.host = host
    self.route = route
    self.namespace = namespace
  }

  /// Starts the program unless it runs, or failed a moment ago.
  func ensure() {
    switch state {
    case .up, .starting: return
    case .failed where MonotonicClock.now - startedAt < pause: return
    case .idle, .failed: start()
    }
  }

  /// Runs `body` once it is known whether there is a way out.
  func whenDecided(_ body: @escaping () -> Void) {
    if state == .starting { waiting.append(body) } else { body() }
  }

  /// Goes on with one that a network process before us started: connections through it live on.
  func adopt() {
    guard let identity = HostSockets.livingUplink(directory), isRouted() else { return }
    // One that cannot be watched is stopped and replaced.
    guard let raw = (try? identity.open())?.take() else { return }
    process = OwnedDescriptor(owning: raw)
    state = .up
    do throws(SystemError) { try loop.watch(raw, .readable) { [unowned self] _ in self.ended() } } catch { stop() }
  }

  private func start() {
    startedAt = MonotonicClock.now
    said = []
    guard let words = Self.command() else {
      return decide(.failed("neither pasta (package passt) nor slirp4netns is installed"))
    }
    guard access("/dev/net/tun", R_OK | W_OK) == 0 else {
      return decide(.failed("/dev/net/tun cannot be opened: \(SystemError("open").reason)"))
    }
    do throws(SystemError) {
      let started = try host.startUplink(words, namespace: namespace)
      let pidfd = started.process
      let pipe = started.output
      process = OwnedDescriptor(owning: pidfd)
      output = OwnedDescriptor(owning: pipe)
      state = .starting
      try loop.watch(pidfd, .readable) { [unowned self] _ in self.ended() }
      try loop.watch(pipe, .readable) { [unowned self] _ in self.read() }
      poll()
    } catch { decide(.failed("\(words[0]) does not start: \(error.reason)")) }
  }

  /// The host's loopback is never reached through the uplink (SECURITY G2), and no port is opened by it.
  private static func command() -> [String]? {
    if let pasta = Spawn.systemProgram("pasta") {
      return [
        pasta, "--foreground", "--quiet", "--config-net", "--netns-only", "--netns", "{namespace}", "--ns-ifname",
        interface, "--address", address, "--netmask", "24", "--gateway", router, "--no-map-gw", "-t", "none", "-u",
        "none", "-T", "none", "-U", "none",
      ]
    }
    return Spawn.systemProgram("slirp4netns").map {
      [$0, "--configure", "--mtu=65520", "--disable-host-loopback", "--netns-type=path", "{namespace}", interface]
    }
  }

  private func isRouted() -> Bool {
    // Nothing to route with is the answer when it cannot be asked.
    guard let routes = try? route.routes() else { return false }
    return routes.contains { $0.destination.prefix == 0 && $0.table == 254 }
  }

  private func poll() {
    guard state == .starting else { return }
    if isRouted() { return decide(.up) }
    if MonotonicClock.now - startedAt > Self.patience { return decide(.failed("it does not answer: \(complaint)")) }
    loop.after(nanoseconds: 2_000_000) { [weak self] in self?.poll() }
  }

  private var isReadable: Bool {
    switch output {
    case .some(let pipe): dhow_wait_readable(pipe.raw, 0) > 0
    case .none: false
    }
  }

  private func read() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let got: Int
    switch output {
    case .some(let pipe): got = Glibc.read(pipe.raw, &buffer, buffer.count)
    case .none: return
    }
    if got > 0 {
      said += buffer.prefix(min(got, max(0, Self.saidLimit - said.count)))
    } else {
      forget(&output)
    }
  }

  private func forget(_ descriptor: inout OwnedDescriptor?) {
    guard let raw = descriptor.take()?.take() else { return }
    loop.forget(raw)
    close(raw)
  }

  /// The last thing the program said.
  private var complaint: String {
    let lines = String(decoding: said, as: UTF8.self).split(whereSeparator: \.isNewline)
      .filter { !$0.hasPrefix("Failed to send") }
    return lines.last.map { safeText(String($0)) } ?? "it ended without a word"
  }

  private func ended() {
    forget(&process)
    while isReadable { read() }
    forget(&output)
    let wasUp = state == .up
    decide(.failed(complaint))
    // One that worked is started again at once, then less and less often.
    if wasUp {
      pause = 100_000_000
      loop.after(nanoseconds: pause) { [weak self] in self?.start() }
    }
  }

  private func decide(_ next: State) {
    state = next
    if case .failed = next { pause = min(pause * 4, Self.longestPause) } else { pause = 100_000_000 }
    let told = waiting
    waiting = []
    for body in told { body() }
  }

  func stop() {
    switch process {
    case .some(let pidfd): _ = dhow_pidfd_send_signal(pidfd.raw, SIGTERM)
    case .none: break
    }
  }
}
