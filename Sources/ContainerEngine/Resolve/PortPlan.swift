internal import Basics
internal import Glibc
internal import LinuxKernel
internal import Networking
internal import OCI
internal import Storage

/// Which ports of a container are to be published.
enum PortPlan {
  /// `-p`, and with `-P` everything that is exposed and not named by `-p`.
  static func requests(_ record: ContainerRecord, _ networks: [NetworkRecord]) -> [NetworkRequest.Port] {
    let settings = record.settings
    let fallback = networks.lazy.compactMap(\.publishAddress).first.flatMap { IPAddress($0) }
    var result = settings.ports.compactMap { binding -> NetworkRequest.Port? in
      guard let transport = Transport(rawValue: binding.transport) else { return nil }
      return NetworkRequest.Port(
        host: binding.hostAddress.isEmpty ? fallback : IPAddress(binding.hostAddress), first: binding.hostPort,
        last: binding.lastHostPort, container: binding.containerPort, transport: transport)
    }
    guard settings.publishesAllPorts else { return result }
    let exposed = record.defaults.exposedPorts + settings.exposedPorts.compactMap { ExposedPort($0) }
    for port in Set(exposed).sorted(by: { $0.number < $1.number }) {
      guard let transport = Transport(rawValue: port.transport.rawValue), let number = UInt16(exactly: port.number)
      else { continue }
      if result.contains(where: { $0.container == number && $0.transport == transport }) { continue }
      result.append(
        NetworkRequest.Port(host: fallback, first: 0, last: 0, container: number, transport: transport))
    }
    return result
  }
}

/// Who holds a port of the host, for whoever was refused it.
enum PortHolder {
  /// The error with the process's name in it, when the port is held by none of our containers.
  static func named(in error: EngineError, _ requests: [NetworkRequest.Port]) -> EngineError {
    guard error.kind == .inUse, error.reason.hasSuffix("port is already allocated") else { return error }
    for request in requests where request.first > 0 {
      for port in request.first...max(request.first, request.last) {
        guard error.reason.contains(":\(port) failed"), let holder = find(port, request.transport) else { continue }
        var error = error
        error.reason += " by \(holder)"
        return error
      }
    }
    return error
  }

  private static let tableLimit = 16 << 20

  /// In words; nil when nobody is seen.
  private static func find(_ port: UInt16, _ transport: Transport) -> String? {
    for family in ["", "6"] {
      // Without the table there is no name to tell.
      guard let bytes = try? File.readAll("/proc/net/\(transport.rawValue)\(family)", limit: tableLimit) else {
        continue
      }
      for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst() {
        let words = line.split(separator: " ")
        // proc(5): the local address and port in hexadecimal, the state, the owner, the inode. 0A listens; of UDP 07.
        guard words.count > 9, words[1].split(separator: ":").last.flatMap({ UInt16($0, radix: 16) }) == port,
          words[3] == (transport == .tcp ? "0A" : "07")
        else { continue }
        return process(ofSocket: words[9]) ?? "a process of uid \(words[7])"
      }
    }
    return nil
  }

  private static func process(ofSocket inode: Substring) -> String? {
    for entry in (try? File.listIfPresent("/proc")) ?? [] {
      guard let pid = Int32(entry.name), let table = try? File.openDirectory("/proc/\(pid)/fd") else { continue }
      for file in (try? File.list(table.raw)) ?? []
      where (try? File.readLink(at: table.raw, file.name)) == "socket:[\(inode)]" {
        // A process that ends now keeps its number for the message.
        let name = (try? File.readAll("/proc/\(pid)/comm", limit: 64)).map { String(decoding: $0, as: UTF8.self) }
        return "process \(pid) (\(safeText((name ?? "?").filter { $0 != "\n" })))"
      }
    }
    return nil
  }
}
