internal import Basics
internal import Glibc
internal import LinuxKernel
internal import Networking
internal import Runtime
internal import Storage

/// `/etc/hostname`, `/etc/hosts` and `/etc/resolv.conf` of a container: written into its runtime directory at each start
/// and bound into its root.
struct RuntimeFiles {
  /// Host paths.
  var hostname: String
  var hosts: String
  var resolvConf: String
  var notifySocket: String

  static let names = (hostname: "hostname", hosts: "hosts", resolvConf: "resolv.conf")

  /// The files of the container `id`, whether they exist or not.
  init(of id: String, _ location: StateLocation) {
    let base = location.runRoot + "/" + StatePath.Run.container(id) + "/"
    hostname = base + Self.names.hostname
    hosts = base + Self.names.hosts
    resolvConf = base + Self.names.resolvConf
    notifySocket = base + NotificationRelay.socketName
  }

  /// Bytes of a file of the host's that we copy at most.
  private static let hostFileLimit = 1 << 20

  /// Writes the files. The container's runtime directory exists.
  static func write(
    _ settings: ContainerSettings, hostname: String, at directory: Int32, doing: String
  ) throws(EngineError) {
    let extra = try settings.extraHosts.map { (entry) throws(EngineError) in
      try hostEntry(entry, network: settings.network, doing: doing)
    }
    let hosts: String
    if settings.network == "host" {
      hosts = HostsFile.text(host: try hostFile("/etc/hosts", doing: doing), extra: extra)
    } else {
      hosts = HostsFile.text(addresses: [], extra: extra)
    }
    let resolvConf = ResolvConf.text(
      host: try hostFile("/etc/resolv.conf", doing: doing), servers: settings.dnsServers, search: settings.dnsSearch,
      options: settings.dnsOptions, keepsLoopback: settings.network == "host")
    try write(hostname + "\n", at: directory, names.hostname, doing: doing)
    try write(hosts, at: directory, names.hosts, doing: doing)
    try write(resolvConf, at: directory, names.resolvConf, doing: doing)
  }

  /// A file that the host may lack, as text.
  private static func hostFile(_ path: String, doing: String) throws(EngineError) -> String {
    let bytes = try during(doing) { try File.readAllIfPresent(path, limit: hostFileLimit) }
    return String(decoding: bytes ?? [], as: UTF8.self)
  }

  private static func write(_ text: String, at directory: Int32, _ name: String, doing: String) throws(EngineError) {
    try during(doing) {
      // World-readable: the container's program may run as any user of its map.
      let file = try File.open(at: directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o644)
      try systemCall("chmod", name) { fchmod(file.raw, 0o644) }
      try File.writeAll(file.raw, Array(text.utf8), shown: name)
    }
  }

  /// `NAME:ADDRESS` or `NAME=ADDRESS` of --add-host.
  private static func hostEntry(
    _ entry: String, network: String, doing: String
  ) throws(EngineError) -> (name: String, address: String) {
    guard let separator = entry.firstIndex(where: { $0 == ":" || $0 == "=" }) else {
      throw EngineError(.invalidInput, doing, "bad format for add-host: \"\(safeText(entry))\"")
    }
    let name = String(entry[..<separator])
    let address = String(entry[entry.index(after: separator)...])
    guard address == "host-gateway" else { return (name, address) }
    guard network == "host" else {
      throw EngineError(
        .unsupported, doing, "host-gateway needs a network that reaches the host, and this container has none",
        hint: "--network host reaches the host as 127.0.0.1")
    }
    return (name, "127.0.0.1")
  }
}
