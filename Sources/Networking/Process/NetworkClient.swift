package import Basics
internal import CLinux
internal import Glibc
package import LinuxKernel
package import Storage

/// A command's or a monitor's conversation with the network process.
package final class NetworkClient {
  private let socket: OwnedDescriptorBox
  /// Of the network process.
  package let process: ProcessIdentity

  private static let answerLimit = 4 << 20

  private init(_ socket: OwnedDescriptorBox, _ process: ProcessIdentity) {
    self.socket = socket
    self.process = process
  }

  /// Nil when no network process runs.
  package static func connect(_ directory: StateDirectory) throws(EngineError) -> NetworkClient? {
    guard let run = try directory.runRoot() else { return nil }
    // Without the directory no such process ever ran.
    guard let home = try? File.openDirectory(at: run, StatePath.Run.networkProcess) else { return nil }
    let raw = dhow_packet_connect(home.raw, NetworkProcess.socketFile)
    guard raw >= 0 else { return nil }
    let socket = OwnedDescriptorBox(OwnedDescriptor(owning: raw))
    var pid: pid_t = 0
    var uid: uid_t = 0
    guard dhow_peer_process(raw, &pid, &uid) == 0, let process = ProcessIdentity(of: pid) else { return nil }
    return NetworkClient(socket, process)
  }

  private func ask(
    _ request: JSON, descriptor: Int32? = nil, doing: String
  ) throws(EngineError) -> (answer: JSONFields, descriptor: OwnedDescriptorBox?) {
    let bytes = request.bytes()
    let passed = descriptor.map { [$0] } ?? []
    var received = [UInt8](repeating: 0, count: 256 << 10)
    var descriptors: [Int32] = [-1]
    var count: Int32 = 0
    let got: Int
    do throws(SystemError) {
      let raw = socket.raw
      try systemCall("send") { dhow_packet_send(raw, bytes, bytes.count, passed, Int32(passed.count)) }
      let capacity = received.count
      got = try systemCall("recv") { dhow_packet_receive(raw, &received, capacity, &descriptors, 1, &count) }
    } catch { throw error.engineError(doing, hint: "the network process has ended: try again") }
    let given = count > 0 ? OwnedDescriptorBox(OwnedDescriptor(owning: descriptors[0])) : nil
    guard got > 0 else {
      throw EngineError(.unavailable, doing, "the network process has ended", hint: "try again")
    }
    return try during(doing) {
      let fields = try JSONFields(JSON(parsing: Array(received.prefix(got))), "answer")
      if let error = try fields.fields("error") {
        throw EngineError(
          EngineError.Kind(rawValue: try error.string("kind")) ?? .internal, try error.string("doing"),
          try error.string("reason"), hint: try error.optionalString("hint"))
      }
      return (fields, given)
    }
  }

  private static func network(_ answer: JSONFields, _ doing: String) throws(EngineError) -> ContainerNetwork {
    try during(doing) {
      guard let part = try answer.fields("network") else { throw answer.failure("network", "is missing") }
      return try ContainerNetwork(part)
    }
  }

  /// A descriptor of the namespace that the bridges are in, which whoever holds it keeps alive.
  package final class HeldNamespace {
    private let descriptor: OwnedDescriptorBox
    init(_ descriptor: OwnedDescriptorBox) { self.descriptor = descriptor }
  }

  /// Addresses and ports for a container that this process monitors.
  package func reserve(
    _ request: NetworkRequest, _ records: [NetworkRecord], doing: String
  ) throws(EngineError) -> (network: ContainerNetwork, namespace: HeldNamespace?) {
    let (answer, namespace) = try ask(
      ["op": "reserve", "container": request.json, "networks": .array(records.map(\.json))], doing: doing)
    return (try Self.network(answer, doing), namespace.map { HeldNamespace($0) })
  }

  /// Makes the interfaces in the network namespace of process `pid`.
  /// - Returns: what does not work as it should, in sentences, and the containers that have a link to this one.
  package func plug(_ id: String, pid: Int32, doing: String) throws(EngineError) -> (
    warnings: [String], linkedBy: [String]
  ) {
    let namespace = try during(doing) { try File.open("/proc/\(pid)/ns/net", O_RDONLY) }
    let (answer, _) = try ask(["op": "plug", "id": .string(id)], descriptor: namespace.raw, doing: doing)
    return try during(doing) { (try answer.strings("warnings"), try answer.strings("linkedBy")) }
  }

  package func release(_ id: String) throws(EngineError) {
    _ = try ask(["op": "release", "id": .string(id)], doing: "leaving the networks")
  }

  package func connect(
    _ id: String, pid: Int32, _ attachment: NetworkRequest.Attachment, _ record: NetworkRecord, doing: String
  ) throws(EngineError) -> ContainerNetwork {
    let namespace = try during(doing) { try File.open("/proc/\(pid)/ns/net", O_RDONLY) }
    let (answer, _) = try ask(
      ["op": "connect", "id": .string(id), "attachment": attachment.json, "record": record.json],
      descriptor: namespace.raw, doing: doing)
    return try Self.network(answer, doing)
  }

  package func disconnect(_ id: String, _ record: NetworkRecord, doing: String) throws(EngineError) -> ContainerNetwork
  {
    let (answer, _) = try ask(
      ["op": "disconnect", "id": .string(id), "network": .string(record.id)], doing: doing)
    return try Self.network(answer, doing)
  }

  package func rename(_ id: String, to name: String) throws(EngineError) {
    _ = try ask(["op": "rename", "id": .string(id), "name": .string(name)], doing: "renaming a container")
  }

  package func remove(_ record: NetworkRecord, doing: String) throws(EngineError) {
    _ = try ask(["op": "remove", "network": .string(record.id)], doing: doing)
  }

  /// Ends the process if no container needs it.
  package func end() throws(EngineError) { _ = try ask(["op": "end"], doing: "ending the network process") }
}

/// Starting the network process.
package enum NetworkProcessStart {
  /// Forks the process and waits until it serves. It leads a session of its own, and keeps nothing of ours but its
  /// report.
  /// - Parameter body: in the child: enters the user's namespace and runs the process; calls what it is given once it
  ///   serves. What it throws before is thrown here.
  package static func fork(
    keeping descriptors: [Int32], body: (_ ready: () -> Void) throws(EngineError) -> Void
  ) throws(EngineError) {
    let doing = "starting the network process"
    let report: (read: Int32, write: Int32)
    let child: pid_t
    do throws(SystemError) {
      report = try File.pipe()
      child = try systemCall("fork") { dhow_fork() }
    } catch { throw error.engineError(doing) }
    if child == 0 {
      setsid()
      _ = chdir("/")
      let null = open("/dev/null", O_RDWR | O_CLOEXEC)
      for standard in 0...2 as ClosedRange<Int32> { dup2(null, standard) }
      _ = dhow_unblock_all_signals()
      // Locks live as long as any copy of their descriptor, and what our caller left open is his.
      HostSockets.closeAll(except: descriptors + [report.write])
      var isReady = false
      do throws(EngineError) {
        try body {
          isReady = true
          var word = UInt8(ascii: "s")
          _ = write(report.write, &word, 1)
          close(report.write)
        }
      } catch {
        guard !isReady else { _exit(1) }
        var fields = JSONObject()
        fields["kind"] = .string(error.kind.rawValue)
        fields["doing"] = .string(error.doing)
        fields["reason"] = .string(error.reason)
        fields["hint"] = error.hint.map(JSON.string)
        let bytes = JSON.object(fields).bytes()
        _ = write(report.write, bytes, bytes.count)
        _exit(1)
      }
      _exit(0)
    }
    close(report.write)
    let readEnd = OwnedDescriptor(owning: report.read)
    let answer: [UInt8]
    do throws(SystemError) { answer = try File.readAll(readEnd.raw, limit: 65_536) } catch {
      throw error.engineError(doing)
    }
    if answer.first == UInt8(ascii: "s") { return }
    // How it ended is of no interest beside what it said.
    _ = try? Spawn.wait(child)
    do {
      let fields = try JSONFields(JSON(parsing: answer), "report")
      throw EngineError(
        EngineError.Kind(rawValue: try fields.string("kind")) ?? .internal, try fields.string("doing"),
        try fields.string("reason"), hint: try fields.optionalString("hint"))
    } catch let error as EngineError { throw error } catch {
      throw EngineError(.internal, doing, "it died before it served")
    }
  }
}
