/// `/etc/hosts` of a container, as docker writes it (hosts(5)).
package enum HostsFile {
  private static let loopback = """
    127.0.0.1\tlocalhost
    ::1\tlocalhost ip6-localhost ip6-loopback
    fe00::\tip6-localnet
    ff00::\tip6-mcastprefix
    ff02::1\tip6-allnodes
    ff02::2\tip6-allrouters

    """

  /// - Parameters:
  ///   - addresses: the container's own addresses with the names they answer to.
  ///   - extra: `--add-host` entries, name and address, in the order given.
  package static func text(
    addresses: [(address: String, names: [String])], extra: [(name: String, address: String)]
  ) -> String {
    var text = loopback
    for entry in extra { text += "\(entry.address)\t\(entry.name)\n" }
    for entry in addresses { text += "\(entry.address)\t\(entry.names.joined(separator: " "))\n" }
    return text
  }

  /// The host's own file with `--add-host` entries behind it: for `--network host`.
  package static func text(host: String, extra: [(name: String, address: String)]) -> String {
    var text = host
    if !text.isEmpty, !text.hasSuffix("\n") { text += "\n" }
    for entry in extra { text += "\(entry.address)\t\(entry.name)\n" }
    return text
  }
}
