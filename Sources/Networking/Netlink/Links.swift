internal import CLinux
internal import Glibc
package import LinuxKernel

/// An interface as the kernel lists it.
package struct Link: Equatable, Sendable {
  package var index: UInt32
  package var name: String
  package var isUp: Bool
  /// Index of the bridge it is a port of, 0 for none.
  package var master: UInt32
  package var mac: MACAddress?
}

/// Interfaces (rtnetlink(7), RTM_NEWLINK).
extension NetlinkSocket {
  private enum LinkType {
    static let new: UInt16 = 16
    static let delete: UInt16 = 17
    static let get: UInt16 = 18
  }
  private enum LinkAttribute {
    static let address: UInt16 = 1
    static let name: UInt16 = 3
    static let mtu: UInt16 = 4
    static let master: UInt16 = 10
    static let information: UInt16 = 18
    static let namespaceDescriptor: UInt16 = 28
  }
  private static let up: UInt32 = 1

  /// struct ifinfomsg.
  private func message(_ type: UInt16, _ flags: UInt16, index: UInt32 = 0, set: UInt32 = 0) -> NetlinkMessage {
    var message = NetlinkMessage(type: type, flags: flags)
    message.append(link: index, set: set)
    return message
  }

  /// Makes a bridge that forwards at once, and nothing else of the kind a switch would.
  package func createBridge(_ name: String, mac: MACAddress, mtu: UInt32) throws(SystemError) {
    var request = message(
      LinkType.new, NetlinkMessage.Flag.acknowledge | NetlinkMessage.Flag.create | NetlinkMessage.Flag.exclusive)
    request.attribute(LinkAttribute.name, name)
    request.attribute(LinkAttribute.address, mac.bytes)
    request.attribute(LinkAttribute.mtu, mtu)
    request.nest(LinkAttribute.information) {
      $0.attribute(1, "bridge")
      $0.nest(2) { data in
        data.attribute(1, UInt32(0))  // IFLA_BR_FORWARD_DELAY
        data.attribute(5, UInt32(0))  // IFLA_BR_STP_STATE
        data.attribute(23, UInt8(0))  // IFLA_BR_MCAST_SNOOPING: no querier is there
      }
    }
    try perform(request, "bridge \(name)")
  }

  /// Makes a pair of interfaces: `name` here as a port of the bridge, `peer` in the namespace of a descriptor.
  package func createPair(
    _ name: String, bridge: UInt32, peer: String, namespace: Int32, mac: MACAddress, mtu: UInt32
  ) throws(SystemError) {
    var request = message(
      LinkType.new, NetlinkMessage.Flag.acknowledge | NetlinkMessage.Flag.create | NetlinkMessage.Flag.exclusive,
      set: Self.up)
    request.attribute(LinkAttribute.name, name)
    request.attribute(LinkAttribute.mtu, mtu)
    request.attribute(LinkAttribute.master, bridge)
    request.nest(LinkAttribute.information) {
      $0.attribute(1, "veth")
      $0.nest(2) { data in
        data.nest(1) { other in  // VETH_INFO_PEER
          other.append(link: 0, set: 0)
          other.attribute(LinkAttribute.name, peer)
          other.attribute(LinkAttribute.address, mac.bytes)
          other.attribute(LinkAttribute.mtu, mtu)
          other.attribute(LinkAttribute.namespaceDescriptor, namespace)
        }
      }
    }
    try perform(request, "interface \(peer)")
  }

  package func setUp(_ index: UInt32, name: String) throws(SystemError) {
    try perform(message(LinkType.new, NetlinkMessage.Flag.acknowledge, index: index, set: Self.up), "interface \(name)")
  }

  package func removeLink(_ index: UInt32, name: String) throws(SystemError) {
    try perform(message(LinkType.delete, NetlinkMessage.Flag.acknowledge, index: index), "interface \(name)")
  }

  package func links() throws(SystemError) -> [Link] {
    try dump(message(LinkType.get, NetlinkMessage.Flag.dump), "the interfaces").compactMap { reply in
      guard reply.type == LinkType.new, let index = reply.integer(at: 4, as: UInt32.self),
        let flags = reply.integer(at: 8, as: UInt32.self)
      else { return nil }
      var link = Link(index: index, name: "", isUp: flags & Self.up != 0, master: 0, mac: nil)
      for attribute in reply.attributes(after: 16) {
        switch attribute.type {
        case LinkAttribute.name: link.name = attribute.text
        case LinkAttribute.master: link.master = attribute.uint32 ?? 0
        case LinkAttribute.address: link.mac = MACAddress(bytes: attribute.payload)
        default: break
        }
      }
      return link
    }
  }

  package func link(named name: String) throws(SystemError) -> Link? { try links().first { $0.name == name } }
}

extension NetlinkMessage {
  /// struct ifinfomsg with the flags to set.
  mutating func append(link index: UInt32, set: UInt32) {
    append(UInt16(0))
    append(UInt16(0))
    append(index)
    append(set)
    append(set)
  }
}
