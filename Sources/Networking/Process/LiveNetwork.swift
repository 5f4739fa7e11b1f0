internal import Basics
internal import Glibc
internal import LinuxKernel

/// A network that has its bridge.
final class LiveNetwork {
  let record: NetworkRecord
  var index: UInt32 = 0
  var ledgers: [AddressLedger]
  var nameServer: NameServer?
  /// Why names do not resolve here, once that was tried.
  var nameServerProblem: String?
  /// We made its bridge, or found it from one before us.
  var isMade = false

  init(_ record: NetworkRecord) {
    self.record = record
    ledgers = record.subnets.map { AddressLedger($0) }
  }

  var gateways: [IPAddress] { record.subnets.map(\.gateway) }
}

/// A container that has endpoints.
final class LiveContainer {
  var network: ContainerNetwork
  /// Of the monitor; ends with the container.
  let watch: OwnedDescriptorBox
  var tcp: [PublishedPort: TCPForwarder] = [:]
  var udp: [PublishedPort: UDPForwarder] = [:]
  /// Listeners bound and not yet in use: the container is not plugged yet.
  var reserved: [(port: PublishedPort, listener: OwnedDescriptorBox)] = []
  var rules: [RoutingRule] = []
  var isPlugged = false

  init(_ network: ContainerNetwork, watch: OwnedDescriptorBox) {
    self.network = network
    self.watch = watch
  }
}
