internal import CLinux
internal import Glibc
package import LinuxKernel

/// A conversation with the kernel about the network namespace that the process was in when it was opened, wherever the
/// process goes afterwards.
package final class NetlinkSocket {
  private let socket: OwnedDescriptor
  private var sequence: UInt32 = 0
  private static let bufferSize = 256 << 10

  package enum Family: Int32, Sendable {
    case route = 0
    case netfilter = 12
  }

  package init(_ family: Family = .route) throws(SystemError) {
    socket = OwnedDescriptor(owning: try systemCall("socket", "netlink") { dhow_netlink_socket(family.rawValue) })
  }

  /// Sends requests as one write and waits for the kernel's word on each that asked for one.
  /// - Parameter what: the object, for the error.
  package func perform(_ messages: [NetlinkMessage], _ what: @autoclosure () -> String) throws(SystemError) {
    var bytes: [UInt8] = []
    var awaited: Set<UInt32> = []
    for message in messages {
      sequence &+= 1
      let finished = message.finished(sequence: sequence)
      bytes += finished
      let flags: UInt16 = readInteger(finished[...], at: 6) ?? 0
      if flags & NetlinkMessage.Flag.acknowledge != 0 { awaited.insert(sequence) }
    }
    try send(bytes, what())
    var failure: SystemError?
    while !awaited.isEmpty {
      for reply in try receive(what()) where reply.type == Control.error {
        let code: Int32 = readInteger(reply.payload[...], at: 0) ?? 0
        if code != 0, failure == nil {
          failure = SystemError(explanation(reply.payload) ?? "netlink", what(), errno: -code)
        }
        awaited.remove(reply.sequence)
        // What went before the failed one in a netfilter batch is not acknowledged.
        if failure != nil, messages.count > 1 { awaited = [] }
      }
    }
    if let failure { throw failure }
  }

  package func perform(_ message: NetlinkMessage, _ what: @autoclosure () -> String) throws(SystemError) {
    try perform([message], what())
  }

  /// All objects the kernel lists.
  package func dump(_ message: NetlinkMessage, _ what: @autoclosure () -> String) throws(SystemError) -> [NetlinkReply]
  {
    sequence &+= 1
    try send(message.finished(sequence: sequence), what())
    var result: [NetlinkReply] = []
    while true {
      for reply in try receive(what()) where reply.sequence == sequence {
        switch reply.type {
        case Control.done: return result
        case Control.error:
          let code: Int32 = readInteger(reply.payload[...], at: 0) ?? 0
          if code != 0 { throw SystemError("netlink", what(), errno: -code) }
          return result
        default: result.append(NetlinkReply(type: reply.type, payload: reply.payload))
        }
      }
    }
  }

  private enum Control {
    static let error: UInt16 = 2
    static let done: UInt16 = 3
  }

  private struct Received {
    var type: UInt16
    var flags: UInt16
    var sequence: UInt32
    var payload: [UInt8]
  }

  private func send(_ bytes: [UInt8], _ what: String) throws(SystemError) {
    let raw = socket.raw
    try systemCall("netlink", what) { Glibc.send(raw, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
  }

  private func receive(_ what: String) throws(SystemError) -> [Received] {
    let raw = socket.raw
    var failure: SystemError?
    let bytes = [UInt8](unsafeUninitializedCapacity: Self.bufferSize) { buffer, count in
      var got: Int
      repeat { got = recv(raw, buffer.baseAddress, buffer.count, 0) } while got < 0 && errno == EINTR
      if got < 0 { failure = SystemError("netlink", what) }
      count = max(got, 0)
    }
    if let failure { throw failure }
    var result: [Received] = []
    var rest = bytes[...]
    while rest.count >= NetlinkMessage.headerSize, let length: UInt32 = readInteger(rest, at: 0),
      let type: UInt16 = readInteger(rest, at: 4), let flags: UInt16 = readInteger(rest, at: 6),
      let number: UInt32 = readInteger(rest, at: 8), length >= NetlinkMessage.headerSize, Int(length) <= rest.count
    {
      let payload = rest[(rest.startIndex + NetlinkMessage.headerSize)..<(rest.startIndex + Int(length))]
      result.append(Received(type: type, flags: flags, sequence: number, payload: Array(payload)))
      rest = rest.dropFirst((Int(length) + 3) & ~3)
    }
    return result
  }

  /// The kernel's own words behind a refusal (NLMSGERR_ATTR_MSG), when it has any.
  private func explanation(_ payload: [UInt8]) -> String? {
    // errno, then the header of the request (NETLINK_CAP_ACK).
    NetlinkReply(type: 0, payload: payload).attributes(after: 4 + NetlinkMessage.headerSize).first { $0.type == 1 }?
      .text
  }
}
