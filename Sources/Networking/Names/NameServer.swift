internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// What a name server needs to know of who asks.
struct NameClient {
  enum Answer {
    /// Addresses of a name that is ours, of which one family may be empty.
    case addresses([IPAddress])
    case name(String)
    /// None of ours.
    case unknown
  }
  /// What the container that asks knows.
  var lookUp: (DNSQuestion) -> Answer
  /// Where the rest is asked for; empty when nothing leaves this network.
  var upstream: [(server: IPAddress, isOurs: Bool)]
}

/// Answers the containers of one network, on the address of its bridge.
final class NameServer {
  private let loop: EventLoop
  private let host: HostSockets
  /// Nil when whoever asks is none of ours.
  private let client: (IPAddress) -> NameClient?
  private var sockets: [OwnedDescriptorBox] = []
  private var streams: [Int32: Stream] = [:]
  private var pending = 0

  /// Questions on their way to other servers, and connections, at one time.
  private static let mostPending = 512
  private static let mostStreams = 64
  private static let tries = 2
  private static let patience: Int64 = 2_500_000_000
  private static let streamPatience: Int64 = 20_000_000_000
  private static let port: UInt16 = 53

  /// - Throws: when the port is taken, by a name server of the host's that listens on every address.
  init(
    loop: EventLoop, host: HostSockets, addresses: [IPAddress], bridge: String,
    client: @escaping (IPAddress) -> NameClient?
  ) throws(SystemError) {
    self.loop = loop
    self.host = host
    self.client = client
    for address in addresses {
      var at = dhow_address(address, port: Self.port)
      let datagrams = OwnedDescriptorBox(
        OwnedDescriptor(owning: try systemCall("bind", "\(address.bracketed):53") { dhow_udp_bind(&at, bridge) }))
      let listener = OwnedDescriptorBox(
        OwnedDescriptor(owning: try systemCall("bind", "\(address.bracketed):53") { dhow_tcp_listen(&at, bridge) }))
      sockets += [datagrams, listener]
      try loop.watch(datagrams.raw, .readable) { [unowned self] _ in self.receive(datagrams) }
      try loop.watch(listener.raw, .readable) { [unowned self] _ in self.accept(listener) }
    }
  }

  func stop() {
    for socket in sockets { loop.forget(socket.raw) }
    sockets = []
    for stream in Array(streams.values) { end(stream) }
  }

  private func receive(_ socket: OwnedDescriptorBox) {
    withDatagramBuffer { buffer in
      for _ in 0..<64 {
        var peer = dhow_address()
        var local = dhow_address()
        let got = dhow_udp_receive(socket.raw, buffer.baseAddress, buffer.count, &peer, &local)
        if got < 0 { return }
        guard let asker = peer.ip else { continue }
        let message = Array(buffer[..<got])
        handle(message, from: asker, overTCP: false) { answer in
          var peer = peer
          var local = local
          local.family = 0
          _ = dhow_udp_send(socket.raw, answer, answer.count, &peer, nil)
        }
      }
    }
  }

  /// - Parameter reply: to be called once, or never when the question deserves no answer.
  private func handle(
    _ message: [UInt8], from asker: IPAddress, overTCP: Bool, reply: @escaping ([UInt8]) -> Void
  ) {
    guard let question = DNSQuestion(message) else { return }
    guard let client = client(asker) else { return reply(question.answer(.refused)) }
    switch client.lookUp(question) {
    case .addresses(let addresses):
      let records = addresses.filter {
        question.kind == DNSQuestion.Kind.any
          || question.kind == ($0.isIPv6 ? DNSQuestion.Kind.aaaa : DNSQuestion.Kind.a)
      }
      reply(
        question.answer(
          .success, records.map { ($0.isIPv6 ? DNSQuestion.Kind.aaaa : DNSQuestion.Kind.a, $0.bytes) }))
    case .name(let name):
      reply(question.answer(.success, [(DNSQuestion.Kind.ptr, DNSQuestion.encoded(name))]))
    case .unknown:
      guard !client.upstream.isEmpty, pending < Self.mostPending else {
        return reply(question.answer(client.upstream.isEmpty ? .noSuchName : .failure))
      }
      let forward = Forward(question: question, message: message, servers: client.upstream, reply: reply)
      pending += 1
      if overTCP { askByStream(forward, 0) } else { ask(forward, 0) }
    }
  }

  // Upstream

  private final class Forward {
    let question: DNSQuestion
    let message: [UInt8]
    let servers: [(server: IPAddress, isOurs: Bool)]
    let reply: ([UInt8]) -> Void

    init(
      question: DNSQuestion, message: [UInt8], servers: [(server: IPAddress, isOurs: Bool)],
      reply: @escaping ([UInt8]) -> Void
    ) {
      self.question = question
      self.message = message
      self.servers = servers
      self.reply = reply
    }
  }

  private func finish(_ forward: Forward, _ answer: [UInt8]) {
    pending -= 1
    forward.reply(answer)
  }

  private func socket(
    to server: (server: IPAddress, isOurs: Bool), stream: Bool
  ) throws(SystemError) -> OwnedDescriptorBox {
    var to = dhow_address(server.server, port: Self.port)
    var unused: Int32 = 0
    // A server on one of our networks is reached from here, any other as the host reaches it.
    if server.isOurs {
      return OwnedDescriptorBox(
        OwnedDescriptor(
          owning: try systemCall("connect") {
            stream ? dhow_tcp_connect(&to, nil, 0, &unused) : dhow_udp_connect(&to, nil, 0)
          }))
    }
    return OwnedDescriptorBox(stream ? try host.connectTCP(to) : try host.connectUDP(to))
  }

  /// Asks one server after the other, with a number and a port that nobody can guess (SECURITY G6).
  private func ask(_ forward: Forward, _ attempt: Int) {
    guard attempt < forward.servers.count * Self.tries else {
      return finish(forward, forward.question.answer(.failure))
    }
    let server = forward.servers[attempt % forward.servers.count]
    let socket: OwnedDescriptorBox
    do throws(SystemError) { socket = try self.socket(to: server, stream: false) } catch {
      return ask(forward, attempt + 1)
    }
    let number = UInt16.random(in: 0 ... .max)
    var message = forward.message
    message[0] = UInt8(number >> 8)
    message[1] = UInt8(number & 255)
    _ = send(socket.raw, message, message.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
    var isOver = false
    let deadline = loop.after(nanoseconds: Self.patience) { [unowned self] in
      if isOver { return }
      isOver = true
      self.loop.forget(socket.raw)
      self.ask(forward, attempt + 1)
    }
    do throws(SystemError) {
      try loop.watch(socket.raw, .readable) { [unowned self] _ in
        if isOver { return }
        let answer = withDatagramBuffer { buffer -> [UInt8]? in
          let got = recv(socket.raw, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
          return got < 0 ? nil : Array(buffer[..<got])
        }
        guard let answer else {
          // Nobody listens there (ICMP): the next one is asked at once.
          isOver = true
          self.loop.forget(socket.raw)
          self.loop.cancel(deadline: deadline)
          return self.ask(forward, attempt + 1)
        }
        // An answer to something else is not one.
        guard Self.answers(answer, number, forward.question) else { return }
        isOver = true
        self.loop.forget(socket.raw)
        self.loop.cancel(deadline: deadline)
        self.finish(forward, [forward.message[0], forward.message[1]] + answer.dropFirst(2))
      }
    } catch {
      isOver = true
      loop.cancel(deadline: deadline)
      finish(forward, forward.question.answer(.failure))
    }
  }

  private static func answers(_ answer: [UInt8], _ number: UInt16, _ question: DNSQuestion) -> Bool {
    guard answer.count >= DNSQuestion.headerSize, answer[2] & 0x80 != 0,
      UInt16(answer[0]) << 8 | UInt16(answer[1]) == number
    else { return false }
    // Servers that refuse leave out the question.
    if answer[4] == 0, answer[5] == 0 { return true }
    let section = answer.dropFirst(DNSQuestion.headerSize).prefix(question.section.count)
    func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 32 : byte }
    return section.map(lower) == question.section.map(lower)
  }

  // TCP: each message behind its length in two bytes (RFC 7766)

  private final class Stream {
    let socket: OwnedDescriptorBox
    let peer: IPAddress
    var received: [UInt8] = []
    var unsent: [UInt8] = []
    var deadline: Int?

    init(_ socket: OwnedDescriptorBox, _ peer: IPAddress) {
      self.socket = socket
      self.peer = peer
    }
  }

  private func accept(_ listener: OwnedDescriptorBox) {
    var peer = dhow_address()
    var local = dhow_address()
    let raw = dhow_tcp_accept(listener.raw, &peer, &local)
    guard raw >= 0 else { return }
    let socket = OwnedDescriptorBox(OwnedDescriptor(owning: raw))
    guard streams.count < Self.mostStreams, let address = peer.ip else { return }
    let stream = Stream(socket, address)
    guard (try? loop.watch(raw, .readable, handler: { [unowned self] events in self.continue(stream, events) })) != nil
    else { return }
    streams[raw] = stream
    stream.deadline = loop.after(nanoseconds: Self.streamPatience) { [weak self] in self?.end(stream) }
  }

  private func end(_ stream: Stream) {
    guard streams.removeValue(forKey: stream.socket.raw) != nil else { return }
    loop.forget(stream.socket.raw)
    if let deadline = stream.deadline { loop.cancel(deadline: deadline) }
  }

  private func `continue`(_ stream: Stream, _ events: ReadyEvents) {
    if events.contains(.writable) { flush(stream) }
    guard events.contains(.readable) || events.contains(.hungUp) || events.contains(.failed) else { return }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let got = recv(stream.socket.raw, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    if got < 0, errno == EAGAIN { return }
    guard got > 0, stream.received.count + got <= 70_000 else { return end(stream) }
    stream.received += buffer[..<got]
    while stream.received.count >= 2 {
      let length = Int(stream.received[0]) << 8 | Int(stream.received[1])
      guard stream.received.count >= 2 + length else { return }
      let message = Array(stream.received[2..<(2 + length)])
      stream.received.removeFirst(2 + length)
      handle(message, from: stream.peer, overTCP: true) { [weak self] answer in
        guard let self, self.streams[stream.socket.raw] === stream else { return }
        stream.unsent += [UInt8(answer.count >> 8), UInt8(answer.count & 255)] + answer
        self.flush(stream)
      }
    }
  }

  private func flush(_ stream: Stream) {
    let sent = send(
      stream.socket.raw, stream.unsent, stream.unsent.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
    if sent > 0 { stream.unsent.removeFirst(sent) }
    if sent < 0, errno != EAGAIN { return end(stream) }
    loop.change(stream.socket.raw, stream.unsent.isEmpty ? .readable : [.readable, .writable])
  }

  private func askByStream(_ forward: Forward, _ attempt: Int) {
    guard attempt < forward.servers.count else { return finish(forward, forward.question.answer(.failure)) }
    let socket: OwnedDescriptorBox
    do throws(SystemError) { socket = try self.socket(to: forward.servers[attempt], stream: true) } catch {
      return askByStream(forward, attempt + 1)
    }
    var isOver = false
    var unsent = [UInt8(forward.message.count >> 8), UInt8(forward.message.count & 255)] + forward.message
    var received: [UInt8] = []
    var deadline: Int?
    let leave = { [unowned self] in
      isOver = true
      self.loop.forget(socket.raw)
      if let deadline { self.loop.cancel(deadline: deadline) }
    }
    deadline = loop.after(nanoseconds: Self.patience) { [unowned self] in
      if isOver { return }
      leave()
      self.askByStream(forward, attempt + 1)
    }
    do throws(SystemError) {
      try loop.watch(socket.raw, .writable) { [unowned self] _ in
        if isOver { return }
        if !unsent.isEmpty {
          let sent = send(socket.raw, unsent, unsent.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
          if sent < 0 {
            if errno == EAGAIN { return }
            leave()
            return self.askByStream(forward, attempt + 1)
          }
          unsent.removeFirst(sent)
          if unsent.isEmpty { self.loop.change(socket.raw, .readable) }
          return
        }
        var buffer = [UInt8](repeating: 0, count: 8192)
        let got = recv(socket.raw, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if got < 0, errno == EAGAIN { return }
        guard got > 0 else {
          leave()
          return self.askByStream(forward, attempt + 1)
        }
        received += buffer[..<got]
        guard received.count >= 2 else { return }
        let length = Int(received[0]) << 8 | Int(received[1])
        guard received.count >= 2 + length else { return }
        leave()
        self.finish(forward, Array(received[2..<(2 + length)]))
      }
    } catch {
      leave()
      finish(forward, forward.question.answer(.failure))
    }
  }
}

/// A descriptor that closures share; closed with the last of them.
final class OwnedDescriptorBox {
  private let descriptor: OwnedDescriptor
  var raw: Int32 { descriptor.raw }
  init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = consume descriptor }
}
