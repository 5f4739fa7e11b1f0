internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// The conversation with commands and monitors: one packet of JSON each way.
extension NetworkProcess {
  /// - Parameter reply: called once, with descriptors to hand over.
  func handle(
    _ bytes: [UInt8], _ descriptor: OwnedDescriptorBox?, _ pid: pid_t, reply: @escaping (JSON, [Int32]) -> Void
  ) {
    let doing = "asking the network process"
    do throws(EngineError) {
      let fields: JSONFields
      do {
        fields = try JSONFields(JSON(parsing: bytes), "request")
        switch try fields.string("op") {
        case "reserve":
          guard let part = try fields.fields("container") else { throw fields.failure("container", "is missing") }
          let request = try NetworkRequest(part)
          var records: [NetworkRecord] = []
          for entry in try fields.objects("networks") { records.append(try NetworkRecord(entry)) }
          let network = try reserve(request, records, pid: pid)
          reply(["network": network.json], [namespace.raw])
        case "plug":
          let id = try fields.string("id")
          guard let descriptor else { throw fields.failure("namespace", "is missing") }
          let warnings = try plug(id, namespace: descriptor.raw)
          whenReachable(id) { [weak self] sentence in
            let all = warnings + (sentence.map { [$0] } ?? [])
            reply(["warnings": JSON(all), "linkedBy": JSON(self?.linkers(of: id) ?? [])], [])
          }
        case "release":
          release(try fields.string("id"))
          reply([:], [])
        case "connect":
          guard let part = try fields.fields("attachment"), let entry = try fields.fields("record"), let descriptor
          else { throw fields.failure("attachment", "is missing") }
          let network = try connect(
            try fields.string("id"), NetworkRequest.Attachment(part), NetworkRecord(entry), namespace: descriptor.raw)
          reply(["network": network.json], [])
        case "disconnect":
          let network = try disconnect(try fields.string("id"), try fields.string("network"))
          reply(["network": network.json], [])
        case "rename":
          let id = try fields.string("id")
          containers[id]?.network.name = try fields.string("name")
          reply([:], [])
        case "remove":
          removeNetwork(try fields.string("network"))
          reply([:], [])
        case "state":
          reply(state, [])
        case "end":
          reply([:], [])
          if containers.isEmpty { endNow() }
        case let other: throw fields.failure("op", "is unknown: \(other)")
        }
      } catch let error as EngineError { throw error } catch let error as JSONShapeError {
        throw EngineError(.internal, doing, "\(error.path) \(error.reason)")
      } catch { throw EngineError(.internal, doing, "\(error)") }
    } catch {
      var object = JSONObject()
      object["kind"] = .string(error.kind.rawValue)
      object["doing"] = .string(error.doing)
      object["reason"] = .string(error.reason)
      object["hint"] = error.hint.map(JSON.string)
      reply(["error": .object(object)], [])
    }
  }

  private var state: JSON {
    let uplink: String =
      switch self.uplink?.state {
      case .up: "up"
      case .failed(let reason): "failed: \(reason)"
      case .starting: "starting"
      case .idle, nil: ""
      }
    return [
      "pid": .integer(Int64(getpid())), "containers": .array(containers.values.map(\.network.json)),
      "uplink": .string(uplink),
      "sources": .array(
        containers.values.flatMap { $0.tcp.filter { !$0.value.keepsSource }.map { .string("\($0.key.hostPort)") } }),
    ]
  }

  /// Waits, for a container that may leave, until it is known whether there is a way out.
  private func whenReachable(_ id: String, _ body: @escaping (String?) -> Void) {
    guard let container = containers[id], container.network.endpoints.contains(where: { !$0.isInternal }) else {
      return body(nil)
    }
    if let problem = filterProblem { return body("containers cannot reach other hosts: \(problem)") }
    guard let uplink else { return body(nil) }
    uplink.ensure()
    uplink.whenDecided { [weak uplink] in
      if case .failed(let reason) = uplink?.state {
        body("containers cannot reach other hosts: \(reason) (they reach each other, and published ports work)")
      } else {
        body(nil)
      }
    }
  }

  /// Living containers that have a link to this one.
  private func linkers(of id: String) -> [String] {
    containers.values.filter { $0.network.links.contains { $0.id == id } }.map(\.network.id).sorted()
  }
}
