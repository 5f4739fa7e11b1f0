internal import Basics
internal import HTTP

/// What dockerd's daemon.json says of registries, so that a docker host's settings carry over.
struct DockerDaemonFile {
  /// Hosts with or without port, and networks in CIDR notation.
  var insecure: [(pattern: String, file: String)] = []
  /// Addresses of mirrors of Docker Hub.
  var mirrors: [WebAddress] = []
  var proxy: ProxySettings?

  /// The user's own (rootless docker's), then the system's.
  static func load(_ environment: RegistryEnvironment, _ doing: String) throws(EngineError) -> DockerDaemonFile {
    var result = DockerDaemonFile()
    let paths = [
      environment.configHome.map { $0 + "/docker/daemon.json" }, environment.system("/etc/docker/daemon.json"),
    ]
    for path in paths {
      guard let path, let object = try SettingsFile.readJSON(path, doing) else { continue }
      do throws(JSONShapeError) { try result.add(JSONFields(.object(object), path), path) } catch {
        throw EngineError(.invalidInput, doing, safeText("\(error.path) \(error.reason)"))
      }
    }
    return result
  }

  private mutating func add(_ fields: JSONFields, _ path: String) throws(JSONShapeError) {
    insecure += try fields.strings("insecure-registries").map { (pattern: $0, file: path) }
    for text in try fields.strings("registry-mirrors") {
      let address: WebAddress
      do throws(HTTPFailure) { address = try WebAddress(parsing: text) } catch {
        throw fields.failure("registry-mirrors", "has \"\(text)\", which is no address: \(error.text)")
      }
      guard address.target == "/" || address.target == "" else {
        throw fields.failure("registry-mirrors", "has \"\(text)\"; a mirror's address has no path")
      }
      mirrors.append(address)
    }
    if proxy == nil, let fields = try fields.fields("proxies") {
      proxy = ProxySettings(
        http: try fields.optionalString("http-proxy"), https: try fields.optionalString("https-proxy"),
        exceptions: try fields.optionalString("no-proxy") ?? "")
    }
  }

  /// The file that marks this host as insecure, nil when none does. A name is never looked up for it: what a name
  /// server answers decides nothing here.
  func fileMarkingInsecure(authority: String, host: String) -> String? {
    insecure.first { entry in
      entry.pattern == authority || entry.pattern == host || network(entry.pattern, contains: host)
    }?.file
  }
}

/// Whether an IPv4 or IPv6 address is in a network such as `10.0.0.0/8`.
func network(_ network: String, contains address: String) -> Bool {
  guard let slash = network.firstIndex(of: "/"), let bits = Int(network[network.index(after: slash)...]),
    let base = addressBytes(String(network[..<slash])), let subject = addressBytes(address),
    base.count == subject.count, bits >= 0, bits <= base.count * 8
  else { return false }
  for bit in 0..<bits {
    let mask = UInt8(0x80) >> UInt8(bit % 8)
    if base[bit / 8] & mask != subject[bit / 8] & mask { return false }
  }
  return true
}
