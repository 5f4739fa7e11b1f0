import Glibc
import TestSupport
import Testing

/// What becomes of networks when their helpers die, or cannot be had.
@Suite(.serialized, .runsContainers, .requires(.program("ip"), .program("curl")))
struct NetworkFaultTests {
  @Test func `a network process that is killed is healed by the next command, and connections live on`() throws {
    try withNetworks { store in
      try store.must("network", "create", "mine")
      let address = try store.startServer("web", "--network", "mine", "-p", "80")
      let port = try store.published("web", "80/tcp")
      let script =
        "echo 'while :; do echo tick; sleep 0.2; done' >/tick; exec nc -ll -p 9000 -e sh /tick"
      try store.must("run", "-d", "--name", "talker", "--network", "mine", "busybox", "sh", "-c", script)
      let listener = try store.start([
        "run", "--name", "hears", "--network", "mine", "busybox", "sh", "-c",
        "mkfifo p; sleep 300 >p & until nc talker 9000 <p; do sleep 0.2; done",
      ])
      #expect(listener.waitForOutput("tick"))
      let process = try #require(store.networkProcess())
      kill(process, SIGKILL)
      let heard = listener.output.count
      #expect(eventually(within: 30) { listener.output.count > heard + 20 })
      // Any command that needs it.
      #expect(try store.dhow("run", "--rm", "--network", "mine", "busybox", "wget", "-qO-", "http://web/").out == "web")
      #expect(try store.fetch(port) == "web")
      #expect(try store.must("exec", "web", "wget", "-qO-", "http://\(address)/").out == "web")
      let later = listener.output.count
      #expect(eventually(within: 30) { listener.output.count > later + 20 })
    }
  }

  @Test(.requires(.root, .runsRootless))
  func `without a way out containers start with one warning and reach each other`() throws {
    try withNetworks(hasWayOut: false) { store in
      let outcome = try store.dhow("run", "--rm", "busybox", "echo", "fine")
      #expect(outcome.status == 0)
      #expect(outcome.out == "fine")
      #expect(outcome.err.split(separator: "\n").count == 1, "\(outcome)")
      #expect(outcome.err.contains("cannot reach other hosts"), "\(outcome)")
      let address = try store.startServer("web", "-p", "80")
      #expect(try store.dhow("run", "--rm", "busybox", "wget", "-qO-", "http://\(address)/").out == "web")
      #expect(try store.fetch(store.published("web", "80/tcp")) == "web")
    }
  }

  @Test func `the network process ends after the last container`() throws {
    try withNetworks { store in
      try store.must("run", "--rm", "busybox", "true")
      #expect(store.networkProcess() != nil)
      #expect(eventually(within: 60) { store.networkProcess() == nil })
      #expect(eventually(within: 30) { store.processes().isEmpty })
    }
  }

  @Test func `the first look-up of each start is right`() throws {
    try withNetworks { store in
      try store.must("network", "create", "mine")
      for _ in 0..<8 {
        let address = try store.startServer("web", "--network", "mine")
        let outcome = try store.dhow("run", "--rm", "--network", "mine", "busybox", "nslookup", "web")
        #expect(outcome.lines.contains("Address: \(address)"), "\(outcome)")
        try store.must("rm", "-f", "web")
      }
    }
  }
}

/// The way out, in a landscape of its own.
@Suite(.serialized, .runsContainers, .requires(.root, .program("ip"), .program("perl"), .program("curl")))
struct NetworkOutsideTests {
  /// Why the machine cannot give a user's containers a way out.
  private static let hasUplink =
    Identity.standard == .root
    || access("/dev/net/tun", R_OK | W_OK) == 0
      && (access("/usr/bin/pasta", X_OK) == 0 || access("/usr/bin/slirp4netns", X_OK) == 0)

  @Test(.enabled(if: hasUplink, "needs pasta and /dev/net/tun"))
  func `containers reach the outside by TCP and UDP, and names are asked of the host's servers`() throws {
    try withNetworks { store in
      let landscape = try #require(store.landscape)
      let web = try landscape.start(["busybox", "httpd", "-f", "-p", "8000", "-h", "/etc"])
      // Answers every question of the DNS with 192.0.2.77.
      let dns = try landscape.start([
        "perl", "-MSocket", "-e",
        """
        $| = 1; socket(S, PF_INET, SOCK_DGRAM, 17); bind(S, sockaddr_in(53, inet_aton("\(Landscape.outsideAddress)")));
        print "ready\\n"; while ($peer = recv(S, $m, 512, 0)) {
          my $end = index($m, "\\0", 12) + 5; my $q = substr($m, 12, $end - 12);
          send(S, substr($m, 0, 2) . "\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" . $q .
            "\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x05\\0\\4\\xc0\\0\\2\\x4d", 0, $peer); }
        """,
      ])
      #expect(dns.waitForOutput("ready"))
      let script = """
        i=0; until timeout 5 wget -qO- http://\(Landscape.outsideAddress):8000/hostname; do i=$((i+1)); [ $i -gt 5 ] && break; sleep 1; done
        nslookup -type=a outside.example \(Landscape.outsideAddress) | grep 192.0.2.77
        """
      let outcome = try store.dhow("run", "--rm", "busybox", "sh", "-c", script)
      #expect(outcome.status == 0, "\(outcome)")
      #expect(outcome.out.contains("192.0.2.77"), "\(outcome)")
      withExtendedLifetime(web) {}
    }
  }

  @Test(.enabled(if: hasUplink, "needs pasta and /dev/net/tun"))
  func `the host's loopback is out of reach`() throws {
    try withNetworks { store in
      let landscape = try #require(store.landscape)
      let canary = try landscape.start(
        ["busybox", "httpd", "-f", "-p", "127.0.0.1:8001", "-h", "/etc"], outside: false)
      let script = """
        for a in 127.0.0.1 10.0.2.2 $(ip route | sed -n 's/default via \\([0-9.]*\\).*/\\1/p') host.containers.internal; do
          timeout 2 wget -qO- http://$a:8001/hostname 2>/dev/null && echo reached $a
        done; echo done
        """
      #expect(try store.dhow("run", "--rm", "busybox", "sh", "-c", script).out == "done")
      withExtendedLifetime(canary) {}
    }
  }
}
