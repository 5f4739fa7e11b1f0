internal import Basics
internal import Storage

extension ContainerFlags {
  /// Names, addresses and the network namespace.
  static var network: [Flag<ContainerOptions>] {
    [
      .list("add-host", nil, "list", "Add a custom host-to-IP mapping (host:ip)") {
        $0.settings.extraHosts.append(try NetworkSyntax.extraHost($1))
      },
      .list("dns", nil, "list", "Set custom DNS servers") {
        $0.settings.dnsServers.append(try NetworkSyntax.dnsServer($1))
      },
      .list("dns-option", nil, "list", "Set DNS options") {
        $0.settings.dnsOptions.append(try NetworkSyntax.resolverOption($1))
      }.alsoNamed("dns-opt"),
      .list("dns-search", nil, "list", "Set custom DNS search domains") {
        $0.settings.dnsSearch.append(try NetworkSyntax.searchDomain($1))
      },
      .text("domainname", nil, "string", "Container NIS domain name") {
        $0.settings.domainname = $1.isEmpty ? nil : try NetworkSyntax.hostname($1)
      },
      .text("hostname", "h", "string", "Container host name") {
        $0.settings.hostname = $1.isEmpty ? nil : try NetworkSyntax.hostname($1)
      },
      .list("network", nil, "network", "Connect a container to a network (\"none\", \"host\", \"container:NAME\")") {
        guard $0.settings.network.isEmpty else {
          throw EngineError(.unsupported, "--network \($1)", "several networks are not in this version yet")
        }
        $0.settings.network = try NetworkSyntax.network($1)
      }.alsoNamed("net").completed(by: .words(["none", "host"])),
    ]
  }
}
