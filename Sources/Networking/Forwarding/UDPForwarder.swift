internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// Published UDP ports: each client has a session, a socket of its own towards the container, for as long as something
/// is said.
final class UDPForwarder {
  private struct Client: Hashable {
    let address: IPAddress
    let port: UInt16
    let scope: UInt32
    /// The host's address that was asked, which must also be the one that answers.
    let local: IPAddress
  }

  private final class Session {
    let socket: OwnedDescriptor
    var lastUse = MonotonicClock.now
    init(_ socket: consuming OwnedDescriptor) { self.socket = socket }
  }

  private let loop: EventLoop
  private let listener: OwnedDescriptor
  private let target: () -> ForwardTarget?
  private var sessions: [Client: Session] = [:]
  private var sweep: Int?

  /// A session without traffic ends.
  private static let lifetime: Int64 = 90_000_000_000
  private static let sweepInterval: Int64 = 15_000_000_000
  /// Of one port; the one silent longest makes room.
  private static let mostSessions = 2048

  init(
    loop: EventLoop, listener: consuming OwnedDescriptor, target: @escaping () -> ForwardTarget?
  ) throws(SystemError) {
    self.loop = loop
    self.target = target
    let raw = listener.raw
    self.listener = consume listener
    try loop.watch(raw, .readable) { [unowned self] _ in self.receive() }
  }

  func stop() {
    loop.forget(listener.raw)
    for client in Array(sessions.keys) { end(client) }
    if let sweep { loop.cancel(deadline: sweep) }
  }

  private func receive() {
    withDatagramBuffer { buffer in
      for _ in 0..<64 {
        var peer = dhow_address()
        var local = dhow_address()
        let got = dhow_udp_receive(listener.raw, buffer.baseAddress, buffer.count, &peer, &local)
        if got < 0 { return }
        guard let address = peer.ip else { continue }
        let client = Client(
          address: address, port: peer.port, scope: peer.scope, local: local.ip ?? .anyIPv4)
        guard let session = session(for: client) else { continue }
        session.lastUse = MonotonicClock.now
        // A container that does not listen answers by ICMP, which is the next call's error and nobody's business.
        _ = send(session.socket.raw, buffer.baseAddress, got, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
      }
    }
  }

  private func session(for client: Client) -> Session? {
    if let known = sessions[client] { return known }
    guard let target = target(), let route = target.route(for: client.address) else { return nil }
    if sessions.count >= Self.mostSessions, let oldest = sessions.min(by: { $0.value.lastUse < $1.value.lastUse }) {
      end(oldest.key)
    }
    var to = route.to
    var descriptor: Int32 = -1
    if var from = route.from {
      // The client's port as well: some protocols look at it.
      if route.isTransparent { from.port = client.port }
      descriptor = dhow_udp_connect(&to, &from, route.isTransparent ? 1 : 0)
    }
    if descriptor < 0 { descriptor = dhow_udp_connect(&to, nil, 0) }
    guard descriptor >= 0 else { return nil }
    let session = Session(OwnedDescriptor(owning: descriptor))
    // A session that cannot be watched would never answer.
    guard (try? loop.watch(descriptor, .readable, handler: { [unowned self] _ in self.answer(client) })) != nil else {
      return nil
    }
    sessions[client] = session
    if sweep == nil { scheduleSweep() }
    return session
  }

  private func answer(_ client: Client) {
    guard let session = sessions[client] else { return }
    var peer = dhow_address(client.address, port: client.port)
    peer.scope = client.scope
    var local = dhow_address(client.local, port: 0)
    withDatagramBuffer { buffer in
      for _ in 0..<64 {
        let got = recv(session.socket.raw, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
        if got < 0 { return }
        session.lastUse = MonotonicClock.now
        if client.local.isUnspecified {
          _ = dhow_udp_send(listener.raw, buffer.baseAddress, got, &peer, nil)
        } else {
          _ = dhow_udp_send(listener.raw, buffer.baseAddress, got, &peer, &local)
        }
      }
    }
  }

  private func end(_ client: Client) {
    guard let session = sessions.removeValue(forKey: client) else { return }
    loop.forget(session.socket.raw)
  }

  private func scheduleSweep() {
    sweep = loop.after(nanoseconds: Self.sweepInterval) { [weak self] in
      guard let self else { return }
      let limit = MonotonicClock.now - Self.lifetime
      for (client, session) in self.sessions where session.lastUse < limit { self.end(client) }
      self.sweep = nil
      if !self.sessions.isEmpty { self.scheduleSweep() }
    }
  }
}

/// Memory for one datagram of any size (64 KiB), that is given back afterwards.
func withDatagramBuffer<Value>(_ body: (UnsafeMutableRawBufferPointer) -> Value) -> Value {
  withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16, body)
}
