internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// Where a published port leads: the container's address in our network, and how the client's own is kept.
struct ForwardTarget {
  /// Of the family of the client, where the container has one.
  var address: IPAddress?
  var address6: IPAddress?
  var port: UInt16
  /// The bridge's own address, which the container sees where the client's cannot be kept.
  var gateway: IPAddress?
  var gateway6: IPAddress?
  /// Addresses that must not be claimed from here: our own networks.
  var ownSubnets: [Subnet]

  /// To whom a connection of `client` goes, and the source it shows: the client's address where the container can
  /// answer to it, never a loopback address (SECURITY G1).
  func route(for client: IPAddress) -> (to: dhow_address, from: dhow_address?, isTransparent: Bool)? {
    let client = client.isMappedIPv4 ? IPAddress(isIPv6: false, high: 0, low: client.low & 0xFFFF_FFFF) : client
    guard let destination = client.isIPv6 ? address6 ?? address : address ?? address6 else { return nil }
    let to = dhow_address(destination, port: port)
    let isForeign =
      client.isIPv6 == destination.isIPv6 && !client.isLoopback && !client.isUnspecified && !client.isLinkLocal
      && !ownSubnets.contains { $0.contains(client) }
    if isForeign { return (to, dhow_address(client, port: 0), true) }
    return (to, (destination.isIPv6 ? gateway6 : gateway).map { dhow_address($0, port: 0) }, false)
  }
}

/// Listens on published TCP ports and moves bytes by splice(2), without copying them to this process.
final class TCPForwarder {
  private let loop: EventLoop
  private let listener: OwnedDescriptor
  private let target: () -> ForwardTarget?
  private let pipes: PipePool
  private var connections: [Int32: SplicedConnection] = [:]
  /// Cleared when the container's answers to foreign addresses do not come back: some firewall is in the way.
  private(set) var keepsSource = true

  /// How long a container may take to answer a connection that shows the client's address before it is tried with ours.
  private static let patience: Int64 = 2_000_000_000

  init(
    loop: EventLoop, listener: consuming OwnedDescriptor, pipes: PipePool, target: @escaping () -> ForwardTarget?
  ) throws(SystemError) {
    self.loop = loop
    self.pipes = pipes
    self.target = target
    let raw = listener.raw
    self.listener = consume listener
    try loop.watch(raw, .readable) { [unowned self] _ in self.acceptAll() }
  }

  /// Ends all connections too.
  func stop() {
    loop.forget(listener.raw)
    for connection in Array(connections.values) { connection.end(reset: true) }
  }

  private func acceptAll() {
    // So many in one go at most, so that others have their turn.
    for _ in 0..<64 {
      var peer = dhow_address()
      var local = dhow_address()
      let client = dhow_tcp_accept(listener.raw, &peer, &local)
      if client < 0 {
        if errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS { rest() }
        if errno == ECONNABORTED || errno == EINTR { continue }
        return
      }
      begin(client, peer.ip ?? .anyIPv4)
    }
  }

  /// Without descriptors left nothing can be accepted; asking again and again would only burn time.
  private func rest() {
    loop.change(listener.raw, [])
    loop.after(nanoseconds: 50_000_000) { [weak self] in
      guard let self else { return }
      self.loop.change(self.listener.raw, .readable)
    }
  }

  private func begin(_ client: Int32, _ peer: IPAddress) {
    guard let target = target(), let route = target.route(for: peer) else {
      dhow_reset_on_close(client)
      close(client)
      return
    }
    connect(client, route.to, route.from, transparent: route.isTransparent && keepsSource, fallback: target)
  }

  private func connect(
    _ client: Int32, _ to: dhow_address, _ from: dhow_address?, transparent: Bool, fallback: ForwardTarget
  ) {
    var to = to
    var pending: Int32 = 0
    var server: Int32 = -1
    if var from {
      if transparent || from.ip.map({ $0 == fallback.gateway || $0 == fallback.gateway6 }) == true {
        server = dhow_tcp_connect(&to, &from, transparent ? 1 : 0, &pending)
      }
    }
    if server < 0 { server = dhow_tcp_connect(&to, nil, 0, &pending) }
    guard server >= 0 else {
      dhow_reset_on_close(client)
      close(client)
      return
    }
    let connection = SplicedConnection(loop: loop, client: client, server: server, pipes: pipes) { [weak self] in
      self?.connections[client] = nil
    }
    connections[client] = connection
    connection.begin(pending: pending != 0)
    guard transparent, pending != 0 else { return }
    loop.after(nanoseconds: Self.patience) { [weak self, weak connection] in
      guard let self, let connection, connection.isConnecting else { return }
      self.keepsSource = false
      let gateway = (to.family == 6 ? fallback.gateway6 : fallback.gateway).map { dhow_address($0, port: 0) }
      self.connections[client] = nil
      self.connect(connection.giveUpServer(), to, gateway, transparent: false, fallback: fallback)
    }
  }
}

/// Pipes between uses.
final class PipePool {
  private var free: [(read: Int32, write: Int32)] = []
  private static let kept = 32

  func take() -> (read: Int32, write: Int32)? {
    if let last = free.popLast() { return last }
    var ends: [Int32] = [-1, -1]
    guard ends.withUnsafeMutableBufferPointer({ dhow_pipe_nonblocking($0.baseAddress) }) == 0 else { return nil }
    return (ends[0], ends[1])
  }

  /// - Parameter isEmpty: nothing is left in it; another is not used again.
  func give(_ pipe: (read: Int32, write: Int32), isEmpty: Bool) {
    if isEmpty, free.count < Self.kept {
      free.append(pipe)
    } else {
      close(pipe.read)
      close(pipe.write)
    }
  }
}

/// One client and one server, and a pipe for each way.
final class SplicedConnection {
  /// Bytes from one socket to the other.
  private struct Way {
    let from: Int32
    let to: Int32
    var pipe: (read: Int32, write: Int32)?
    /// Bytes in the pipe.
    var held = 0
    /// The sender has ended.
    var atEnd = false
    /// The receiver was told.
    var isShut = false
    var canWrite = true
  }

  private let loop: EventLoop
  private let pipes: PipePool
  private let client: Int32
  private let server: Int32
  private var ways: [Way]
  private(set) var isConnecting = false
  private var isOver = false
  private let onEnd: () -> Void

  /// Bytes moved at one call, and calls in one go.
  private static let piece = 1 << 20
  private static let turns = 16

  init(loop: EventLoop, client: Int32, server: Int32, pipes: PipePool, onEnd: @escaping () -> Void) {
    self.loop = loop
    self.client = client
    self.server = server
    self.pipes = pipes
    self.onEnd = onEnd
    ways = [Way(from: client, to: server), Way(from: server, to: client)]
  }

  func begin(pending: Bool) {
    isConnecting = pending
    dhow_no_delay(client)
    dhow_no_delay(server)
    do throws(SystemError) {
      try loop.watch(server, pending ? .writable : .readable) { [unowned self] events in self.serverReady(events) }
      try loop.watch(client, pending ? [] : .readable) { [unowned self] events in
        if self.isConnecting {
          // The client has gone before the server came.
          if events.contains(.failed) || events.contains(.hungUp) { self.end(reset: true) }
          return
        }
        self.move(failed: events.contains(.failed))
      }
    } catch { end(reset: true) }
  }

  private func serverReady(_ events: ReadyEvents) {
    if isConnecting {
      guard dhow_socket_error(server) == 0 else { return end(reset: true) }
      isConnecting = false
    }
    move(failed: events.contains(.failed))
  }

  /// Lets go of the client, for another attempt.
  func giveUpServer() -> Int32 {
    isOver = true
    loop.forget(server)
    loop.forget(client)
    close(server)
    return client
  }

  private func move(failed: Bool) {
    guard !isOver else { return }
    for index in ways.indices where !pump(index) { return end(reset: true) }
    if failed || ways.allSatisfy({ $0.isShut }) { return end(reset: failed) }
    watch(client, 0, 1)
    watch(server, 1, 0)
  }

  /// - Parameters:
  ///   - out: the way that starts at this socket.
  ///   - back: the way that ends here.
  private func watch(_ socket: Int32, _ out: Int, _ back: Int) {
    var events: ReadyEvents = []
    if !ways[out].atEnd, ways[out].held == 0 { events.insert(.readable) }
    if ways[back].held > 0 { events.insert(.writable) }
    loop.change(socket, events)
  }

  /// Moves what can be moved; false when the connection is broken.
  private func pump(_ index: Int) -> Bool {
    for _ in 0..<Self.turns {
      if ways[index].held == 0 {
        if ways[index].atEnd { return finish(index) }
        if ways[index].pipe == nil { ways[index].pipe = pipes.take() }
        guard let pipe = ways[index].pipe else { return false }
        let got = dhow_splice(ways[index].from, pipe.write, Self.piece)
        if got < 0 {
          guard errno == EAGAIN || errno == EINTR else { return false }
          giveBack(index)
          return true
        }
        if got == 0 {
          ways[index].atEnd = true
          return finish(index)
        }
        ways[index].held = got
      }
      guard let pipe = ways[index].pipe else { return false }
      let sent = dhow_splice(pipe.read, ways[index].to, ways[index].held)
      if sent < 0 { return errno == EAGAIN || errno == EINTR }
      ways[index].held -= sent
    }
    return true
  }

  private func finish(_ index: Int) -> Bool {
    if !ways[index].isShut {
      ways[index].isShut = true
      giveBack(index)
      shutdown(ways[index].to, Int32(SHUT_WR))
    }
    return true
  }

  private func giveBack(_ index: Int) {
    guard let pipe = ways[index].pipe else { return }
    pipes.give(pipe, isEmpty: ways[index].held == 0)
    ways[index].pipe = nil
  }

  func end(reset: Bool) {
    guard !isOver else { return }
    isOver = true
    for index in ways.indices { giveBack(index) }
    for socket in [client, server] {
      loop.forget(socket)
      if reset { dhow_reset_on_close(socket) }
      close(socket)
    }
    onEnd()
  }
}
