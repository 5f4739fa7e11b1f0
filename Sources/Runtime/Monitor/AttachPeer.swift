internal import CLinux
internal import Glibc
internal import LinuxKernel

/// One connection to the monitor's socket, the monitor's side of it. Never waits: what the peer has not taken yet is
/// kept, and the monitor stops the container's output while that is too much.
final class AttachPeer {
  let descriptor: Int32
  private let owned: OwnedDescriptor
  private let loop: EventLoop
  private let scratch: ScratchBuffer
  private unowned let monitor: Monitor
  private var queue = ByteQueue()
  private var reader = FrameReader()
  private var creditOwed = 0
  private(set) var wantsOutput = false
  private(set) var sendsInput = false
  private(set) var waits = false
  /// Only the end that nothing follows counts.
  private(set) var waitsForLast = false
  /// It said that its leaving is no end of input.
  private(set) var leaves = false
  private(set) var isGone = false
  /// What has been sent in all: tells a slow peer from one that has stopped.
  private(set) var sent: UInt64 = 0

  var pending: Int { queue.count }

  init(_ connection: Int32, loop: EventLoop, scratch: ScratchBuffer, monitor: Monitor) throws(SystemError) {
    descriptor = connection
    owned = OwnedDescriptor(owning: connection)
    self.loop = loop
    self.scratch = scratch
    self.monitor = monitor
    try loop.watch(connection, .readable) { [unowned self] events in self.handle(events) }
  }

  deinit { loop.forget(descriptor) }

  /// What the request `attach` says, for a client that exists before its monitor.
  func attach(output: Bool, input: Bool) {
    wantsOutput = output
    sendsInput = input
  }

  func send(_ kind: AttachProtocol.Kind, _ payload: UnsafeRawBufferPointer) {
    guard !isGone else { return }
    var header = AttachProtocol.header(kind, count: payload.count)
    withUnsafeBytes(of: &header) { header in
      var done = 0
      if queue.isEmpty {
        let got = dhow_send_nowait(descriptor, header.baseAddress, header.count, payload.baseAddress, payload.count)
        if got < 0, errno != EAGAIN, errno != EINTR { return leave() }
        done = max(0, got)
        sent += UInt64(done)
      }
      if done < header.count { queue.append(UnsafeRawBufferPointer(rebasing: header[done...])) }
      let skip = max(0, done - header.count)
      if skip < payload.count { queue.append(UnsafeRawBufferPointer(rebasing: payload[skip...])) }
    }
    if !queue.isEmpty { loop.change(descriptor, [.readable, .writable]) }
  }

  func send(_ kind: AttachProtocol.Kind, _ payload: [UInt8] = []) { payload.withUnsafeBytes { send(kind, $0) } }

  /// Gives back the credit for input that the container has taken.
  func returnCredit() {
    guard creditOwed >= AttachProtocol.inputWindow / 2 else { return }
    send(.credit, AttachProtocol.littleEndian(UInt32(creditOwed)))
    creditOwed = 0
  }

  private func handle(_ events: ReadyEvents) {
    if events.contains(.writable) { flush() }
    if !isGone, !events.isDisjoint(with: [.readable, .hungUp, .failed]) { receive() }
  }

  private func flush() {
    while !queue.isEmpty {
      let got = queue.withBytes { dhow_send_nowait(descriptor, $0.baseAddress, $0.count, nil, 0) }
      if got < 0 {
        if errno == EINTR { continue }
        if errno != EAGAIN { leave() }
        return
      }
      sent += UInt64(got)
      queue.consume(got)
    }
    loop.change(descriptor, .readable)
  }

  private func receive() {
    let got = dhow_receive_nowait(descriptor, scratch.bytes.baseAddress, 32_768)
    if got < 0, errno == EAGAIN || errno == EINTR { return }
    guard got > 0 else { return leave() }
    let understood = reader.feed(UnsafeRawBufferPointer(rebasing: scratch.bytes[..<got])) { kind, payload in
      if !isGone { handle(kind, payload) }
    }
    if !understood { leave() }
  }

  private func handle(_ kind: UInt8, _ payload: UnsafeRawBufferPointer) {
    switch AttachProtocol.Kind(rawValue: kind) {
    case .attach:
      let flags = AttachProtocol.AttachFlags(rawValue: payload.first ?? 0)
      attach(output: flags.contains(.output), input: flags.contains(.input))
    case .wait:
      waits = true
      waitsForLast = payload.first == 1
    case .input:
      creditOwed += payload.count
      // More than the window is a peer that does not keep the protocol.
      if creditOwed > 2 * AttachProtocol.inputWindow { return leave() }
      monitor.input(payload, from: self)
    case .inputEnd: monitor.inputEnded(self)
    case .resize:
      let size = WindowSize(rows: AttachProtocol.number(payload, at: 0), columns: AttachProtocol.number(payload, at: 2))
      monitor.resize(size)
    case .detach: leaves = true
    case .check: monitor.check(for: self)
    default: break
    }
  }

  /// It has been told of the end it waited for: nothing more is sent to it.
  func release() { (wantsOutput, sendsInput, waits) = (false, false, false) }

  /// The peer has gone, or is given up.
  func leave() {
    guard !isGone else { return }
    isGone = true
    queue.removeAll()
    loop.forget(descriptor)
    monitor.peerLeft(self)
  }
}
