/// `/etc/resolv.conf` of a container (resolv.conf(5)): the host's, with what the flags replace.
package enum ResolvConf {
  /// - Parameters:
  ///   - host: the host's file.
  ///   - servers, search, options: `--dns`, `--dns-search`, `--dns-option`; each list, when given, replaces the host's.
  ///     A search list of "." removes all, as in docker.
  ///   - keepsLoopback: false for a container with a network of its own, where the host's loopback servers are not to be
  ///     reached: such servers are left out.
  package static func text(
    host: String, servers: [String], search: [String], options: [String], keepsLoopback: Bool
  ) -> String {
    var hostServers: [String] = []
    var hostSearch: [String] = []
    var hostOptions: [String] = []
    for line in host.split(whereSeparator: \.isNewline) {
      let words = line.prefix { $0 != "#" && $0 != ";" }.split(whereSeparator: \.isWhitespace).map(String.init)
      guard words.count > 1 else { continue }
      switch words[0] {
      case "nameserver": if keepsLoopback || !isLoopback(words[1]) { hostServers.append(words[1]) }
      case "search", "domain": hostSearch = Array(words.dropFirst())
      case "options": hostOptions += words.dropFirst()
      default: break
      }
    }
    var text = ""
    for server in servers.isEmpty ? hostServers : servers { text += "nameserver \(server)\n" }
    let searched = search == ["."] ? [] : search.isEmpty ? hostSearch : search
    if !searched.isEmpty { text += "search \(searched.joined(separator: " "))\n" }
    let chosen = options.isEmpty ? hostOptions : options
    if !chosen.isEmpty { text += "options \(chosen.joined(separator: " "))\n" }
    return text
  }

  /// The name servers of such a file.
  package static func servers(_ text: String) -> [String] {
    text.split(whereSeparator: \.isNewline).compactMap { line in
      let words = line.split(whereSeparator: \.isWhitespace)
      return words.count > 1 && words[0] == "nameserver" ? String(words[1].prefix { $0 != "%" }) : nil
    }
  }

  private static func isLoopback(_ address: String) -> Bool { address.hasPrefix("127.") || address == "::1" }
}
