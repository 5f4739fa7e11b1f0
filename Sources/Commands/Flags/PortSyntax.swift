internal import Networking
internal import Storage

/// `-p` and `--expose`, in docker's grammar (docker/go-connections, nat).
enum PortSyntax {
  /// `[[IP:][HOST[-HOST]]:]CONTAINER[-CONTAINER][/PROTOCOL]`.
  static func bindings(_ text: String) throws(FlagValueError) -> [PortBinding] {
    if text.contains("=") { return try longForm(text) }
    let (body, transport) = try split(text)
    var rest = Substring(body)
    let container: Substring
    if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
      container = rest[rest.index(after: colon)...]
      rest = rest[..<colon]
    } else {
      container = rest
      rest = ""
    }
    guard !container.isEmpty else { throw FlagValueError("no port specified: \(text)<empty>") }
    let inside = try range(container, "containerPort")
    guard inside.lowerBound > 0 else { throw FlagValueError("invalid containerPort: \(container)") }
    var host = ""
    var outside = Substring()
    if rest.hasPrefix("[") {
      guard let end = rest.firstIndex(of: "]") else { throw FlagValueError("invalid hostPort: \(rest)") }
      host = String(rest[rest.index(after: rest.startIndex)..<end])
      let behind = rest[rest.index(after: end)...]
      guard behind.isEmpty || behind.hasPrefix(":") else { throw FlagValueError("invalid hostPort: \(behind)") }
      outside = behind.dropFirst()
    } else if let colon = rest.lastIndex(of: ":") {
      host = String(rest[..<colon])
      outside = rest[rest.index(after: colon)...]
    } else if rest.contains("."), IPAddress(rest) != nil {
      // `IP:CONTAINER` is not docker's: an address needs the second colon.
      throw FlagValueError("invalid hostPort: \(rest)", hint: "-p \(rest)::\(container)")
    } else {
      outside = rest
    }
    if !host.isEmpty, IPAddress(host) == nil { throw FlagValueError("invalid IP address: \(host)") }
    return try pair(outside.isEmpty ? nil : range(outside, "hostPort"), inside, host, transport, text)
  }

  private static func pair(
    _ outside: ClosedRange<UInt16>?, _ inside: ClosedRange<UInt16>, _ host: String, _ transport: String, _ text: String
  ) throws(FlagValueError) -> [PortBinding] {
    guard let outside else {
      return inside.map {
        PortBinding(hostAddress: host, hostPort: 0, lastHostPort: 0, containerPort: $0, transport: transport)
      }
    }
    if inside.count == 1 {
      // One port and a range: the first that is free.
      return [
        PortBinding(
          hostAddress: host, hostPort: outside.lowerBound, lastHostPort: outside.upperBound,
          containerPort: inside.lowerBound, transport: transport)
      ]
    }
    guard inside.count == outside.count else {
      throw FlagValueError("invalid ranges specified for container and host Ports: \(text)")
    }
    return zip(outside, inside).map {
      PortBinding(hostAddress: host, hostPort: $0, lastHostPort: $0, containerPort: $1, transport: transport)
    }
  }

  /// `target=80,published=8080,protocol=tcp,mode=host`.
  private static func longForm(_ text: String) throws(FlagValueError) -> [PortBinding] {
    var target: Substring?
    var published: Substring?
    var transport = "tcp"
    for part in text.split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard pair.count == 2 else { throw FlagValueError("invalid field: \(part)") }
      switch pair[0] {
      case "target": target = pair[1]
      case "published": published = pair[1]
      case "protocol": transport = try self.transport(pair[1])
      case "mode": break
      default: throw FlagValueError("invalid field key: \(pair[0])")
      }
    }
    guard let target else { throw FlagValueError("missing mandatory field \"target\"") }
    return try pair(
      published.map { (text) throws(FlagValueError) in try range(text, "published") }, range(target, "target"), "",
      transport, text)
  }

  /// `PORT[-PORT][/PROTOCOL]`, as `80/tcp` each.
  static func exposed(_ text: String) throws(FlagValueError) -> [String] {
    guard !text.contains(":") else { throw FlagValueError("invalid port format for --expose: \(text)") }
    let (body, transport) = try split(text)
    let ports: ClosedRange<UInt16>
    do throws(FlagValueError) { ports = try range(Substring(body), "port") } catch {
      throw FlagValueError("invalid range format for --expose: \(text), error: \(error.reason)")
    }
    guard ports.lowerBound > 0 else { throw FlagValueError("invalid port format for --expose: \(text)") }
    return ports.map { "\($0)/\(transport)" }
  }

  private static func split(_ text: String) throws(FlagValueError) -> (String, String) {
    guard let slash = text.lastIndex(of: "/") else { return (text, "tcp") }
    return (String(text[..<slash]), try transport(text[text.index(after: slash)...]))
  }

  private static func transport(_ text: Substring) throws(FlagValueError) -> String {
    switch text.lowercased() {
    case "tcp", "udp": return text.lowercased()
    case "sctp": throw FlagValueError("SCTP is not forwarded; --network host shares the host's ports")
    default: throw FlagValueError("invalid proto: \(text)")
    }
  }

  private static func range(_ text: Substring, _ what: String) throws(FlagValueError) -> ClosedRange<UInt16> {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in
      part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt16(part) : nil
    }
    guard (1...2).contains(parts.count), numbers.count == parts.count, numbers[0] <= numbers[numbers.count - 1] else {
      throw FlagValueError("invalid \(what): \(text)")
    }
    return numbers[0]...numbers[numbers.count - 1]
  }
}
