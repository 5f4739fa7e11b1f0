import TestSupport
import Testing

/// Networks as a user sees them: reaching and not reaching, names, ports, and what is said when it cannot be.
@Suite(.serialized, .runsContainers, .requires(.program("ip"), .program("curl")))
struct NetworkTests {
  @Test func `containers of the default network reach each other, by address alone`() throws {
    try withNetworks { store in
      let address = try store.startServer("web")
      #expect(
        try store.dhow("run", "--rm", "busybox", "timeout", "10", "wget", "-qO-", "http://\(address)/").out == "web")
      #expect(try !store.dhow("run", "--rm", "busybox", "nslookup", "web").succeeded)
      // Two that listen on one port, and nothing of it on the host.
      let other = try store.startServer("two")
      #expect(other != address)
      #expect(try store.dhow("exec", "web", "wget", "-qO-", "http://\(other)/").out == "two")
      #expect(try store.fetch("127.0.0.1") == "")
    }
  }

  @Test func `on a network of one's own containers have names, aliases and reverse names`() throws {
    try withNetworks { store in
      try store.must("network", "create", "mine")
      let address = try store.startServer("web", "--network", "mine", "--network-alias", "site", "--hostname", "boxed")
      let script = """
        for n in web WEB site boxed web.mine; do timeout 10 wget -qO- http://$n/ || echo missing $n; done
        nslookup \(address) | grep -o 'name = .*'; nslookup nosuch >/dev/null || echo none
        """
      let outcome = try store.dhow("run", "--rm", "--network", "mine", "busybox", "sh", "-c", script)
      #expect(outcome.lines == ["web", "web", "web", "web", "web", "name = web.mine", "none"], "\(outcome)")
      // Another network knows nothing of it, and does not reach it.
      try store.must("network", "create", "theirs")
      let foreign = "nslookup web >/dev/null && echo known; timeout 2 wget -qO- http://\(address)/ || echo unreached"
      #expect(try store.dhow("run", "--rm", "--network", "theirs", "busybox", "sh", "-c", foreign).out == "unreached")
    }
  }

  @Test func `a container knows its own name and address before its program runs`() throws {
    try withNetworks { store in
      try store.must("network", "create", "--subnet", "10.77.0.0/24", "mine")
      let script =
        "hostname; grep box /etc/hosts; ip -4 -o addr show eth0; ip route; cat /etc/resolv.conf; nslookup box"
      let outcome = try store.must(
        "run", "--rm", "--network", "mine", "--ip", "10.77.0.9", "--mac-address", "02:00:00:00:00:09", "--hostname",
        "box",
        "busybox", "sh", "-c", script + "; cat /sys/class/net/eth0/address")
      #expect(outcome.lines.first == "box")
      #expect(outcome.lines.contains("10.77.0.9\tbox"))
      #expect(outcome.out.contains("inet 10.77.0.9/24"))
      #expect(outcome.lines.contains { $0.hasPrefix("default via 10.77.0.1") })
      #expect(outcome.lines.contains("nameserver 10.77.0.1"))
      #expect(outcome.lines.contains("Address: 10.77.0.9"))
      #expect(outcome.lines.last == "02:00:00:00:00:09")
    }
  }

  @Test func `published ports lead in by every address of the host, to a program that sees its clients`() throws {
    try withNetworks { store in
      try store.startServer("web", "-p", "80", "-p", "127.0.0.1::80")
      let local = try store.published("web", "80/tcp")
      #expect(try store.fetch(local) == "web")
      let port = try #require(local.split(separator: ":").last)
      #expect(try store.fetch("[::1]:\(port)") == "web")
      #expect(try store.must("ps", "--format", "{{.Ports}}").out.contains("0.0.0.0:\(port)->80/tcp"))
      let format = "{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}"
      #expect(try store.must("inspect", "-f", format, "web").out == String(port))
      guard let landscape = store.landscape else { return }
      let bare = ["curl", "-s", "-m", "10", "http://\(Landscape.hostAddress):\(port)/"]
      #expect(try landscape.run(bare, outside: true).out == "web")
      #expect(try store.must("logs", "web").err.contains("\(Landscape.outsideAddress)]:"))
      // The one on 127.0.0.1 is not seen from outside.
      let lines = try store.must("port", "web", "80/tcp").lines
      let inner = try #require(lines.first { $0.hasPrefix("127.0.0.1:") }?.split(separator: ":").last)
      let refused = ["curl", "-s", "-m", "10", "http://\(Landscape.hostAddress):\(inner)/"]
      #expect(try !landscape.run(refused, outside: true).succeeded)
    }
  }

  @Test func `a port that is taken names its holder`() throws {
    try withNetworks { store in
      try store.startServer("web", "-p", "80")
      let port = try #require(try store.published("web", "80/tcp").split(separator: ":").last)
      let outcome = try store.dhow("run", "--rm", "-p", "\(port):80", "busybox", "true")
      #expect(outcome.status == 125)
      #expect(outcome.err.contains("port is already allocated by container web"), "\(outcome)")
      #expect(try store.must("ps", "-aq").lines.count == 1)
    }
  }

  @Test(.requires(.runsRootless))
  func `a port of root's names the setting`() throws {
    try withNetworks { store in
      let outcome = try store.dhow("run", "--rm", "-p", "80:80", "busybox", "true")
      #expect(outcome.status == 125)
      #expect(outcome.err.contains("net.ipv4.ip_unprivileged_port_start"), "\(outcome)")
      #expect(outcome.err.contains("-p 8080:80"), "\(outcome)")
    }
  }

  @Test func `everything exposed is published on request`() throws {
    try withNetworks { store in
      try store.startServer("web", "-P", "--expose", "80", "--expose", "7000-7001/udp")
      let ports = try store.must("port", "web").lines
      #expect(Set(ports.map { $0.split(separator: " ")[0] }) == ["80/tcp", "7000/udp", "7001/udp"])
      #expect(try store.fetch(store.published("web", "80")) == "web")
    }
  }

  @Test func `networks are made, shown, kept apart and removed`() throws {
    try withNetworks { store in
      let id = try store.must("network", "create", "--subnet", "10.78.0.0/24", "--label", "a=b", "mine").out
      #expect(id.utf8.count == 64)
      #expect(
        try store.must("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "mine").out == "10.78.0.1")
      #expect(try store.must("network", "ls", "--format", "{{.Name}}").lines == ["bridge", "host", "mine", "none"])
      #expect(try store.must("network", "ls", "-q", "--no-trunc", "-f", "label=a=b").out == id)
      #expect(try store.dhow("network", "exists", "mine").status == 0)
      #expect(try store.dhow("network", "exists", "none-such").status == 1)
      let clash = try store.dhow("network", "create", "--subnet", "10.78.0.128/25", "other")
      #expect(clash.status == 1)
      #expect(clash.err.contains("network mine"), "\(clash)")
      #expect(try store.dhow("network", "create", "mine").err.contains("already exists"))
      #expect(try store.dhow("network", "rm", "bridge").status == 1)
      try store.startServer("web", "--network", "mine", "--ip", "10.78.0.7")
      let taken = try store.dhow("run", "--rm", "--network", "mine", "--ip", "10.78.0.7", "busybox", "true")
      #expect(taken.status == 125)
      #expect(taken.err.contains("belongs to container web"), "\(taken)")
      #expect(try store.dhow("network", "rm", "mine").err.contains("name:\"web\""))
      #expect(try store.must("network", "prune", "-f").out == "")
      try store.must("rm", "-f", "web")
      #expect(try store.must("network", "prune", "-f").lines.prefix(2) == ["Deleted Networks:", "mine"])
    }
  }

  @Test func `a running container joins and leaves networks`() throws {
    try withNetworks { store in
      try store.must("network", "create", "one")
      try store.must("network", "create", "two")
      try store.startServer("web", "--network", "one", "--network", "two")
      #expect(try store.must("exec", "web", "ls", "/sys/class/net").lines == ["eth0", "eth1", "lo"])
      try store.startServer("peer", "--network", "two")
      try store.must("network", "create", "late")
      try store.must("network", "connect", "--alias", "other", "late", "peer")
      try store.must("network", "connect", "late", "web")
      #expect(try store.must("exec", "web", "wget", "-qO-", "http://other/").out == "peer")
      try store.must("network", "disconnect", "late", "peer")
      #expect(try !store.dhow("exec", "web", "nslookup", "other").succeeded)
      try store.must("network", "disconnect", "one", "web")
      // Its way out was by the first; the names of the others stay.
      #expect(try store.must("exec", "web", "ip", "route").out.contains("default via"))
      #expect(try store.must("exec", "web", "wget", "-qO-", "http://peer/").out == "peer")
    }
  }

  @Test func `a link gives names and variables, and follows`() throws {
    try withNetworks { store in
      let address = try store.startServer("db", "--expose", "5432", "-e", "SECRET=x")
      let script = "env | grep ^BACKEND_ | sort; grep backend /etc/hosts; wget -qO- http://backend/; sleep 300"
      let user = try store.start(["run", "--name", "web", "--link", "db:backend", "busybox", "sh", "-c", script])
      #expect(user.waitForOutput("\ndb\n"))
      let text = String(decoding: user.output, as: UTF8.self)
      for line in [
        "BACKEND_NAME=/web/backend", "BACKEND_PORT=tcp://\(address):5432",
        "BACKEND_PORT_5432_TCP=tcp://\(address):5432",
        "BACKEND_PORT_5432_TCP_ADDR=\(address)", "BACKEND_PORT_5432_TCP_PORT=5432",
        "BACKEND_PORT_5432_TCP_PROTO=tcp", "BACKEND_ENV_SECRET=x",
      ] { #expect(text.contains(line + "\n"), "\(line) in \(text)") }
      #expect(try store.must("inspect", "-f", "{{json .HostConfig.Links}}", "web").out == "[\"/db:/web/backend\"]")
      // Another takes the address meanwhile.
      try store.must("stop", "-t", "0", "db")
      try store.startServer("between")
      try store.must("start", "db")
      let script2 = "getent hosts backend 2>/dev/null || grep backend /etc/hosts"
      #expect(try store.must("exec", "web", "sh", "-c", script2).out.contains("backend"))
      #expect(
        eventually(within: 30) {
          (try? store.dhow("exec", "web", "timeout", "5", "wget", "-qO-", "http://backend/"))?.out == "db"
        })
    }
  }

  @Test(.requires(.root)) func `an internal network leads nowhere, and its names are not asked for outside`() throws {
    try withNetworks { store in
      try store.must("network", "create", "--internal", "closed")
      try store.startServer("web", "--network", "closed")
      let script = "wget -qO- http://web/; timeout 3 wget -qO- http://\(Landscape.outsideAddress)/ || echo closed"
      let outcome = try store.dhow("run", "--rm", "--network", "closed", "busybox", "sh", "-c", script)
      #expect(outcome.lines.filter { !$0.hasPrefix("wget:") } == ["web", "closed"], "\(outcome)")
      #expect(try !store.dhow("exec", "web", "nslookup", "example.com").succeeded)
    }
  }

  @Test func `networks have IPv6 when asked`() throws {
    try withNetworks { store in
      try store.must("network", "create", "--ipv6", "--subnet", "fd00:77::/64", "six")
      try store.must(
        "run", "-d", "--name", "web", "--network", "six", "--ip6", "fd00:77::9", "-p", "80", "busybox", "sh", "-c",
        "mkdir /w; echo six >/w/index.html; exec httpd -f -p '[::]:80' -h /w")
      let fetch = "timeout 10 wget -qO- 'http://[fd00:77::9]/'; nslookup -type=aaaa web | grep fd00:77::9"
      let outcome = try store.dhow("run", "--rm", "--network", "six", "busybox", "sh", "-c", fetch)
      #expect(outcome.lines == ["six", "Address: fd00:77::9"], "\(outcome)")
      let port = try #require(try store.published("web", "80").split(separator: ":").last)
      #expect(try store.fetch("[::1]:\(port)") == "six")
    }
  }

  @Test func `none and host need no network process`() throws {
    try withNetworks { store in
      try store.must("run", "--rm", "--network", "none", "busybox", "true")
      try store.must("run", "--rm", "--network", "host", "busybox", "true")
      #expect(try store.paths().allSatisfy { !$0.hasPrefix("networks") })
      #expect(try !run(["test", "-e", store.runroot + "/network"]).succeeded)
    }
  }
}
