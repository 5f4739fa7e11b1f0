import Glibc
import TestSupport
import Testing

/// A container as the main process of a service: what passes between its program and the service manager.
@Suite(.serialized, .runsContainers)
struct ServiceTests {
  /// Where a service manager listens, and what it has heard.
  private final class Manager {
    let path: String
    private let socket: Int32
    private var heard: [(text: String, pid: Int32)] = []

    init(_ store: Store) throws {
      path = store.directory + "/manager"
      socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let bytes = Array(path.utf8)
      try #require(socket >= 0 && bytes.count < 100)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
      let bound = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      try #require(bound == 0)
      chmod(path, 0o666)
      var on: Int32 = 1
      setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close(socket) }

    /// All messages so far, one a line, and whether they came from this process.
    func messages(from pid: Int32? = nil) -> [String] {
      var bytes = [UInt8](repeating: 0, count: 4096)
      while true {
        var control = [UInt8](repeating: 0, count: 64)
        let got = bytes.withUnsafeMutableBytes { data in
          control.withUnsafeMutableBytes { space in
            var part = iovec(iov_base: data.baseAddress, iov_len: data.count)
            return withUnsafeMutablePointer(to: &part) { part in
              var message = msghdr()
              message.msg_iov = part
              message.msg_iovlen = 1
              message.msg_control = space.baseAddress
              message.msg_controllen = space.count
              return recvmsg(socket, &message, Int32(truncatingIfNeeded: MSG_DONTWAIT))
            }
          }
        }
        if got < 0 { break }
        // cmsg(3): the header is 16 bytes, then pid, uid and gid.
        let sender = control.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 16, as: Int32.self) }
        heard.append((String(decoding: bytes[..<got], as: UTF8.self), sender))
      }
      return heard.filter { pid == nil || $0.pid == pid }.map(\.text)
    }

    func hears(_ text: String, from pid: Int32? = nil) -> Bool {
      eventually(within: 30) { messages(from: pid).contains(text) }
    }
  }

  private func withManager(_ body: (Store, Manager) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      try body(store, Manager(store))
    }
  }

  @Test func `the program says that it is ready, in the name of the main process`() throws {
    try withManager { store, manager in
      let folder = try store.folder("bin")
      try mustRun(["cp", DhowBinary.program("host-probe"), folder + "/probe"])
      try mustRun(["chmod", "0755", folder + "/probe"])
      let script =
        "/host/probe notify STATUS=warm READY=1 'MAINPID=1\nSTATUS=last' FDSTORE=1 NOTIFYACCESS=all; exec sleep 100"
      let service = try store.start(
        [
          "run", "--rm", "--init", "--name", "cc", "-u", "1000", "-v", folder + ":/host", "busybox", "sh", "-c", script,
        ],
        environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "9000000"])
      #expect(manager.hears("READY=1", from: service.pid))
      #expect(manager.hears("STATUS=last"))
      #expect(manager.messages(from: service.pid) == ["STATUS=warm", "READY=1", "STATUS=last"])
      #expect(try store.must("exec", "cc", "cat", "/proc/2/environ").out.contains("WATCHDOG_USEC=9000000"))
      #expect(try store.must("diff", "cc").out == "")
      kill(service.pid, SIGTERM)
      #expect(try service.wait().status == 143)
    }
  }

  @Test func `or we say so when it runs, or nobody does`() throws {
    try withManager { store, manager in
      let environment = ["NOTIFY_SOCKET": manager.path]
      let look = ["busybox", "sh", "-c", "env | grep NOTIFY; ls /run/notify; true"]
      let ready = try store.dhow(["run", "--rm", "--sdnotify", "conmon"] + look, environment: environment)
      #expect(ready.out == "")
      #expect(manager.messages() == ["READY=1"])
      try store.dhow(["run", "--rm", "--sdnotify=ignore"] + look, environment: environment)
      #expect(manager.messages() == ["READY=1"])
      try store.must(
        "run", "-d", "--name", "cc", "--sdnotify=conmon", "busybox", "sleep", "100", environment: environment)
      let messages = manager.messages()
      #expect(messages.count == 3 && messages[1].hasPrefix("MAINPID=") && messages[2] == "READY=1", "\(messages)")
      let main = Int32(messages[1].dropFirst("MAINPID=".count)) ?? 0
      #expect(main > 0 && kill(main, 0) == 0)
      try store.must("rm", "-f", "cc")
      #expect(
        try store.dhow("run", "--sdnotify=whenever", "busybox").err.contains("container, conmon, healthy or ignore"))
    }
  }

  /// Runs the program with a pipe as descriptor 3 and `/` as 5.
  private func withDescriptors(_ store: Store, _ words: [String], _ prefix: String = "") throws -> Outcome {
    let script = "exec 3>pipe 4>&- 5</; \(prefix) exec \"$@\""
    return try ChildProcess(
      ["sh", "-c", script, "sh"] + store.command(words), as: store.identity, environment: store.environment,
      directory: store.folder("here-\(words.hashValue)")
    ).wait()
  }

  @Test func `descriptors are passed on purpose only`() throws {
    try withManager { store, _ in
      let look = ["busybox", "sh", "-c", "ls /proc/self/fd | wc -l; env | grep ^LISTEN_; echo text >&3; true"]
      let run = ["run", "--rm"]
      // ls(1) has one of its own.
      let none = try withDescriptors(store, run + look)
      #expect(none.out.hasPrefix("4") && none.err.contains("Bad file descriptor"), "\(none)")
      let own = try withDescriptors(store, run + ["--preserve-fds", "1"] + look)
      #expect(own.lines == ["5"] && own.err == "", "\(own)")
      let systemd = "export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web;"
      let passed = try withDescriptors(store, run + look, systemd)
      #expect(passed.lines == ["5", "LISTEN_FDS=1", "LISTEN_PID=1", "LISTEN_FDNAMES=web"], "\(passed)")
      #expect(try withDescriptors(store, run + ["--init"] + look, systemd).out.contains("LISTEN_PID=2"))
      let strange = try withDescriptors(store, run + look, "export LISTEN_PID=1 LISTEN_FDS=1;")
      #expect(strange.out.hasPrefix("4"))
    }
  }

  @Test func `a directory of the host, and what is not open, are refused`() throws {
    try withManager { store, _ in
      let escape = try withDescriptors(store, ["run", "--rm", "--preserve-fd", "5", "busybox", "true"])
      #expect(escape.status == 125 && escape.err.contains("descriptor 5 is a directory of the host"))
      let missing = try withDescriptors(store, ["run", "--rm", "--preserve-fds", "2", "busybox", "true"])
      #expect(missing.status == 125 && missing.err.contains("descriptor 4 is not open"))
      #expect(try store.must("ps", "-aq").out == "")
    }
  }
}
