internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// Sockets of the host's network for a process that is in another one.
///
/// An ordinary user who has entered a network namespace of his own cannot go back into the host's. A child that stayed
/// there opens what is needed (listeners of published ports, questions to the host's name servers) and hands it over.
/// Root's network process is in the host's network itself and needs no child.
final class HostSockets {
  enum Kind: UInt8 { case listen = 1, bind, connectUDP, connectTCP, uplink }

  /// Our end of the conversation with the child; nil without one.
  private let channel: OwnedDescriptorBox?
  private let networkDirectory: Int32

  /// For root: opens everything itself.
  init(networkDirectory: Int32) {
    self.networkDirectory = networkDirectory
    channel = nil
  }

  /// Forks the child. To be called while the process is in the host's network and has one thread.
  init(forking networkDirectory: Int32) throws(SystemError) {
    self.networkDirectory = networkDirectory
    var ends: [Int32] = [-1, -1]
    try systemCall("socketpair") { ends.withUnsafeMutableBufferPointer { dhow_packet_pair($0.baseAddress) } }
    let parent = getpid()
    let child = try systemCall("fork") { dhow_fork() }
    if child == 0 {
      close(ends[0])
      // The kernel ends us with our parent (PR_SET_PDEATHSIG); it may be gone already.
      _ = dhow_prctl(1, UInt(SIGKILL), 0)
      if getppid() != parent { _exit(0) }
      Self.serve(ends[1], directory: networkDirectory)
    }
    close(ends[1])
    channel = OwnedDescriptorBox(OwnedDescriptor(owning: ends[0]))
  }

  /// Readable when the child is gone.
  var descriptor: Int32? { channel?.raw }

  func listen(_ at: dhow_address) throws(SystemError) -> OwnedDescriptor { try open(.listen, at) }
  func bindUDP(_ at: dhow_address) throws(SystemError) -> OwnedDescriptor { try open(.bind, at) }
  /// With a port of the kernel's random choice.
  func connectUDP(_ to: dhow_address) throws(SystemError) -> OwnedDescriptor { try open(.connectUDP, to) }
  /// The connection may still be in progress.
  func connectTCP(_ to: dhow_address) throws(SystemError) -> OwnedDescriptor { try open(.connectTCP, to) }

  /// Starts the program that joins the namespace of `namespace` with the host's network.
  /// - Returns: a pidfd of it, and the end of a pipe that has what it writes to standard error; the caller closes both.
  func startUplink(
    _ words: [String], namespace: Int32
  ) throws(SystemError) -> (process: Int32, output: Int32) {
    guard let channel else { throw SystemError("start", words.first ?? "", errno: ENOSYS) }
    let payload = [Kind.uplink.rawValue] + Array(words.joined(separator: "\0").utf8)
    let received = try converse(channel.raw, payload, [namespace])
    guard received.count == 2 else {
      for descriptor in received { close(descriptor) }
      throw SystemError("start", words.first ?? "", errno: EPROTO)
    }
    return (received[0], received[1])
  }

  private func open(_ kind: Kind, _ address: dhow_address) throws(SystemError) -> OwnedDescriptor {
    guard let channel else { return OwnedDescriptor(owning: try Self.perform(kind, address)) }
    var address = address
    let payload = [kind.rawValue] + withUnsafeBytes(of: &address) { Array($0) }
    let received = try converse(channel.raw, payload, [])
    guard let first = received.first else { throw SystemError("socket", errno: EPROTO) }
    return OwnedDescriptor(owning: first)
  }

  private func converse(_ raw: Int32, _ payload: [UInt8], _ passed: [Int32]) throws(SystemError) -> [Int32] {
    try systemCall("send") { dhow_packet_send(raw, payload, payload.count, passed, Int32(passed.count)) }
    var code: Int32 = 0
    var descriptors: [Int32] = [-1, -1]
    var count: Int32 = 0
    let got = try systemCall("recv") { dhow_packet_receive(raw, &code, 4, &descriptors, 2, &count) }
    guard got == 4 else { throw SystemError("recv", errno: ECONNRESET) }
    if code != 0 { throw SystemError("bind", errno: code) }
    return Array(descriptors.prefix(Int(count)))
  }

  private static func perform(_ kind: Kind, _ address: dhow_address) throws(SystemError) -> Int32 {
    var address = address
    return try systemCall("bind") {
      switch kind {
      case .listen: return dhow_tcp_listen(&address, nil)
      case .bind: return dhow_udp_bind(&address, nil)
      case .connectUDP: return dhow_udp_connect(&address, nil, 0)
      case .connectTCP:
        var pending: Int32 = 0
        return dhow_tcp_connect(&address, nil, 0, &pending)
      case .uplink: return -1
      }
    }
  }

  // The child

  /// Serves the parent until it is gone.
  private static func serve(_ socket: Int32, directory: Int32) -> Never {
    // The children of ours are looked after by pidfd; nobody waits for them.
    signal(SIGCHLD, SIG_IGN)
    closeAll(except: [socket, directory])
    dhow_trim_memory()
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while true {
      var passed: [Int32] = [-1]
      var count: Int32 = 0
      let got = dhow_packet_receive(socket, &buffer, buffer.count, &passed, 1, &count)
      guard got > 0, let kind = Kind(rawValue: buffer[0]) else { _exit(0) }
      var code: Int32 = 0
      var answer: [Int32] = []
      do throws(SystemError) {
        if kind == .uplink {
          guard count == 1 else { throw SystemError("start", errno: EINVAL) }
          let words = buffer[1..<got].split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
          answer = try Self.start(words, namespace: passed[0], directory: directory)
        } else {
          var address = dhow_address()
          withUnsafeMutableBytes(of: &address) { $0.copyBytes(from: buffer[1..<got].prefix($0.count)) }
          answer = [try Self.perform(kind, address)]
        }
      } catch { code = error.errno }
      if count > 0 { close(passed[0]) }
      _ = dhow_packet_send(socket, &code, 4, answer, Int32(answer.count))
      for descriptor in answer { close(descriptor) }
    }
  }

  /// Where the namespace shows in the mount namespace of the uplink alone.
  static let namespaceFile = "namespace"

  /// Pid and start time of the uplink, for whoever comes after a network process that was killed.
  static let uplinkFile = "uplink"

  private static func start(_ words: [String], namespace: Int32, directory: Int32) throws(SystemError) -> [Int32] {
    guard let program = words.first else { throw SystemError("start", errno: EINVAL) }
    let file = try File.open(at: directory, namespaceFile, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
    _ = consume file
    let path = try File.readLink("/proc/self/fd/\(directory)") + "/" + namespaceFile
    let output = try File.pipe()
    let parent = getpid()
    let child = try systemCall("fork") { dhow_fork() }
    if child == 0 {
      signal(SIGCHLD, SIG_DFL)
      setsid()
      let null = Glibc.open("/dev/null", O_RDWR | O_CLOEXEC)
      dup2(null, 0)
      dup2(null, 1)
      dup2(output.write, 2)
      guard getppid() == parent, dhow_bind_namespace(namespace, path) == 0 else { _exit(1) }
      _ = dhow_close_range(3, .max)
      let arguments = words.map { $0 == "{namespace}" ? path : $0 }
      withCStrings(arguments) { argv in
        withCStrings(["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]) { _ = execve(program, argv, $0) }
      }
      _exit(127)
    }
    close(output.write)
    let pidfd = dhow_pidfd_open(child)
    guard pidfd >= 0 else {
      close(output.read)
      throw SystemError("pidfd_open")
    }
    if let identity = ProcessIdentity(of: child) {
      // Without the file an uplink that outlives us is not found again: the next one takes its place.
      try? write("\(identity.pid) \(identity.startTime)\n", directory)
    }
    return [pidfd, output.read]
  }

  private static func write(_ text: String, _ directory: Int32) throws(SystemError) {
    let file = try File.open(at: directory, uplinkFile, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
    try File.writeAll(file.raw, Array(text.utf8), shown: uplinkFile)
  }

  /// The uplink that lives, whoever started it.
  static func livingUplink(_ directory: Int32) -> ProcessIdentity? {
    // Without the file there is none that we know of.
    guard let bytes = try? File.readAll(at: directory, uplinkFile, limit: 64) else { return nil }
    let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    guard words.count == 2, let pid = Int32(words[0]), pid > 1, let start = UInt64(words[1]) else { return nil }
    let identity = ProcessIdentity(pid: pid, startTime: start)
    return identity.isAlive ? identity : nil
  }

  static func closeAll(except kept: [Int32]) {
    var first: Int32 = 3
    for one in kept.sorted() where one >= first {
      if one > first { _ = dhow_close_range(UInt32(first), UInt32(one - 1)) }
      first = one + 1
    }
    _ = dhow_close_range(UInt32(first), .max)
  }
}
