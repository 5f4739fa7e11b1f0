import Glibc
import HTTP
import LinuxKernel
import Synchronization

/// A thread that can be waited for: `body` runs in it.
final class TestThread: Sendable {
  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }
  private let thread: pthread_t

  init(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Body(body)).toOpaque()
    let failure = pthread_create(
      &thread, nil,
      { box in
        guard let box else { return nil }
        Unmanaged<Body>.fromOpaque(box).takeRetainedValue().run()
        return nil
      }, box)
    precondition(failure == 0, "no thread for a test")
    self.thread = thread
  }

  func join() { pthread_join(thread, nil) }
}

/// A value that one thread gives to another and does not touch any more.
struct Handed<Value>: @unchecked Sendable {
  let value: Value
}

/// A server on a free loopback port; a thread serves its clients one after the other until the server goes.
final class LoopbackServer: Sendable {
  let port: UInt16
  private let thread: TestThread
  private let state: State

  final class State: Sendable {
    let stops = Atomic(false)
    let connections = Atomic(0)
  }

  /// Connections taken so far.
  var connections: Int { state.connections.load(ordering: .acquiring) }

  init(
    tls: TLSIdentity? = nil, settings: HTTPServerSettings = HTTPServerSettings(),
    _ serve: @escaping @Sendable (HTTPServerConnection) throws -> Void
  ) throws {
    let server = try HTTPServer(.tcp(host: "127.0.0.1", port: 0), tls: tls, settings: settings)
    port = server.port
    let state = State()
    self.state = state
    let handed = Handed(value: server)
    thread = TestThread {
      while !state.stops.load(ordering: .acquiring) {
        // A client that fails is what many of these tests are about; it must not end the server.
        guard let connection = try? handed.value.accept(timeout: .milliseconds(20)) else { continue }
        state.connections.add(1, ordering: .acquiringAndReleasing)
        try? serve(connection)
      }
    }
  }

  deinit {
    state.stops.store(true, ordering: .releasing)
    thread.join()
  }

  /// Answers every request by the same rule.
  convenience init(
    tls: TLSIdentity? = nil, settings: HTTPServerSettings = HTTPServerSettings(),
    answering answer: @escaping @Sendable (HTTPServerRequest) throws -> Void
  ) throws {
    try self.init(tls: tls, settings: settings) { connection in
      while let request = try connection.nextRequest() { try answer(request) }
    }
  }

  /// Answers the first request of each connection with these bytes, and closes.
  convenience init(raw bytes: [UInt8]) throws {
    try self.init { connection in
      _ = try connection.nextRequest()
      try connection.send(raw: bytes)
      connection.close()
    }
  }

  func address(_ target: String = "/", scheme: WebAddress.Scheme = .http) throws -> WebAddress {
    try WebAddress(scheme: scheme, host: "127.0.0.1", port: port, target: target)
  }
}

/// Two connected sockets: one to be served, one for raw bytes.
func connectedSockets() throws -> (ours: Int32, theirs: Int32) {
  var ends: [Int32] = [-1, -1]
  try systemCall("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) }
  return (ours: ends[0], theirs: ends[1])
}

/// Everything that comes until the other end closes.
func readToEnd(_ descriptor: Int32) -> String {
  var bytes: [UInt8] = []
  var block = [UInt8](repeating: 0, count: 4096)
  while true {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, 10_000) > 0 else { return String(decoding: bytes, as: UTF8.self) + " and no end" }
    let count = read(descriptor, &block, block.count)
    if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
    bytes += block[..<count]
  }
}

/// The failure of `body`, if it fails.
func failure(_ body: () throws -> Void) -> HTTPFailure? {
  do {
    try body()
    return nil
  } catch { return error as? HTTPFailure }
}

func closeSocket(_ socket: Int32) { close(socket) }

/// What has come, waiting for at least a byte; empty at the end.
func readSome(_ socket: Int32) -> String {
  var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
  poll(&entry, 1, 5_000)
  var block = [UInt8](repeating: 0, count: 4096)
  let count = read(socket, &block, block.count)
  precondition(count > 0, "the other end closed")
  return String(decoding: block[..<count], as: UTF8.self)
}

func writeAll(_ socket: Int32, _ text: String) {
  let bytes = Array(text.utf8)
  _ = send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
}
