package import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel
package import Storage

/// The process that serves a user's networks: it has the namespace with the bridges, gives out addresses, plugs
/// containers in, answers their questions for names, and forwards published ports. One thread, one event loop; started
/// by the first container that needs it and ended a little after the last.
///
/// All that it must know again after it was killed is in the containers' runtime directories (`ContainerNetwork`); each
/// monitor holds the namespace, so that bridges and connections live on meanwhile.
package final class NetworkProcess {
  let loop: EventLoop
  let directory: StateDirectory
  /// The process's own directory below the runtime directory.
  let home: OwnedDescriptorBox
  let isRootless: Bool
  let namespace: OwnedDescriptorBox
  let namespaceInode: UInt64
  let route: NetlinkSocket
  let host: HostSockets
  let uplink: Uplink?
  let pipes = PipePool()
  var networks: [String: LiveNetwork] = [:]
  var containers: [String: LiveContainer] = [:]
  private var listener: OwnedDescriptorBox?
  private var peers: [Int32: OwnedDescriptorBox] = [:]
  private var lock: FileLock?
  private var lingering: Int?
  private var isOver = false
  /// Why packets are not forwarded; nil when they are.
  var filterProblem: String?
  let filterTable: String

  static let lockFile = "lock"
  static let socketFile = "socket"
  /// How long it stays after the last container: a script's next one finds it running.
  private static let linger: Int64 = 5_000_000_000
  private static let mostDescriptors: UInt64 = 1 << 20

  /// Runs the process until nobody needs it. To be called in a child of the command that needs it, in the user's
  /// namespace, with one thread.
  /// - Parameter ready: called once containers can be plugged in.
  /// - Throws: what kept it from starting.
  package static func run(
    _ directory: StateDirectory, isRootless: Bool, ready: () -> Void
  ) throws(EngineError) {
    let process = try NetworkProcess(directory, isRootless: isRootless)
    guard let process else { return ready() }
    ready()
    dhow_trim_memory()
    do throws(SystemError) { try process.loop.run { process.isOver } } catch {
      Log.note("the network process: \(error.description)")
    }
    process.end()
  }

  /// Nil when another process serves the networks already.
  private init?(_ directory: StateDirectory, isRootless: Bool) throws(EngineError) {
    self.directory = directory
    self.isRootless = isRootless
    let doing = "starting the network process"
    let run = try directory.makeRunRoot()
    do throws(SystemError) {
      try File.ensureDirectory(at: run, StatePath.Run.networkProcess)
      home = OwnedDescriptorBox(try File.openDirectory(at: run, StatePath.Run.networkProcess))
      guard let lock = try FileLock.attempt(at: home.raw, Self.lockFile) else { return nil }
      // For people who look for the process.
      try File.writeAll(lock.raw, Array("\(getpid())\n".utf8))
      self.lock = consume lock
      Self.raiseLimits()
      loop = try EventLoop()
      let found = isRootless ? NetworkProcess.livingNamespace(directory) : nil
      // The child that stays in the host's network is made before we leave it.
      host = isRootless ? try HostSockets(forking: home.raw) : HostSockets(networkDirectory: home.raw)
      if let found {
        try systemCall("setns") { dhow_setns(found.raw, Int32(DHOW_CLONE_NEWNET)) }
      } else if isRootless {
        try systemCall("unshare", "network namespace") { dhow_unshare(Int32(DHOW_CLONE_NEWNET)) }
      }
      namespace = OwnedDescriptorBox(try File.open("/proc/self/ns/net", O_RDONLY))
      namespaceInode = try File.status(namespace.raw).inode
      route = try NetlinkSocket()
      filterTable = "dhow-\(try File.status(home.raw).inode)"
      uplink =
        isRootless
        ? Uplink(loop: loop, host: host, route: route, namespace: namespace.raw, directory: home.raw) : nil
    } catch { throw error.engineError(doing) }
    do throws(SystemError) {
      if isRootless { try route.setUp(1, name: "lo") }
      Self.prepareKernel(isRootless: isRootless)
      try addLocalTable()
      restore()
      uplink?.adopt()
      try File.removeIfPresent(at: home.raw, Self.socketFile)
      let raw = try systemCall("listen", "the network process's socket") {
        dhow_packet_listen(home.raw, Self.socketFile)
      }
      listener = OwnedDescriptorBox(OwnedDescriptor(owning: raw))
      try loop.watch(raw, .readable) { [unowned self] _ in self.accept() }
      // Without the child no port can be opened any more: another process, started by the next command, has a new one.
      if let channel = host.descriptor { try loop.watch(channel, []) { [unowned self] _ in self.isOver = true } }
    } catch { throw error.engineError(doing) }
    scheduleEnd()
  }

  /// Two descriptors a connection, and four while its pipes are full.
  private static func raiseLimits() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(7), &limit) == 0 else { return }
    limit.rlim_cur = min(limit.rlim_max, rlim_t(mostDescriptors))
    setrlimit(__rlimit_resource_t(7), &limit)
  }

  /// Settings of our own namespace, and for root of the host: packets go from one interface to the other, and nobody on
  /// a bridge tells us where (SECURITY G5).
  private static func prepareKernel(isRootless: Bool) {
    writeSetting("net/ipv4/ip_forward", "1")
    guard isRootless else { return }
    writeSetting("net/ipv4/conf/all/rp_filter", "0")
    writeSetting("net/ipv4/conf/default/rp_filter", "0")
    writeSetting("net/ipv6/conf/all/forwarding", "1")
    for group in ["all", "default"] { writeSetting("net/ipv6/conf/\(group)/accept_ra", "0") }
  }

  /// A setting that this kernel or this host does not let us change stays as it is: what then does not work is seen by
  /// its user, and nothing is open that was not.
  static func writeSetting(_ name: String, _ value: String) {
    guard let file = try? File.open("/proc/sys/" + name, O_WRONLY) else { return }
    try? File.writeAll(file.raw, Array(value.utf8))
  }

  /// The table by which answers to addresses that are not ours come to us (`TransparentReplies`).
  static let localTable: UInt32 = 17_751
  static let replyPriority: UInt32 = 90

  private func addLocalTable() throws(SystemError) {
    try route.addRoute(to: NetlinkSocket.everything(false), table: Self.localTable, kind: .local)
    // A kernel without IPv6 has no use for the second.
    try? route.addRoute(to: NetlinkSocket.everything(true), table: Self.localTable, kind: .local)
  }

  // Requests

  private func accept() {
    while let listener {
      let raw = dhow_accept4(listener.raw, O_NONBLOCK | O_CLOEXEC)
      guard raw >= 0 else { return }
      let peer = OwnedDescriptorBox(OwnedDescriptor(owning: raw))
      var pid: pid_t = 0
      var uid: uid_t = 0
      guard dhow_peer_process(raw, &pid, &uid) == 0, uid == getuid() else { continue }
      guard (try? loop.watch(raw, .readable, handler: { [unowned self] _ in self.receive(peer, pid) })) != nil else {
        continue
      }
      peers[raw] = peer
      cancelEnd()
    }
  }

  private static let requestLimit = 1 << 20

  private func receive(_ peer: OwnedDescriptorBox, _ pid: pid_t) {
    let size = dhow_packet_size(peer.raw)
    if size < 0, errno == EAGAIN { return }
    guard size > 0, size <= Self.requestLimit else { return drop(peer) }
    var bytes = [UInt8](repeating: 0, count: size)
    var passed: [Int32] = [-1]
    var count: Int32 = 0
    let got = dhow_packet_receive(peer.raw, &bytes, size, &passed, 1, &count)
    guard got > 0 else { return drop(peer) }
    let descriptor = count > 0 ? OwnedDescriptorBox(OwnedDescriptor(owning: passed[0])) : nil
    handle(Array(bytes.prefix(got)), descriptor, pid) { [weak self] answer, given in
      guard let self else { return }
      let bytes = answer.bytes()
      if dhow_packet_send(peer.raw, bytes, bytes.count, given, Int32(given.count)) < 0 { self.drop(peer) }
    }
  }

  private func drop(_ peer: OwnedDescriptorBox) {
    guard peers.removeValue(forKey: peer.raw) != nil else { return }
    loop.forget(peer.raw)
    scheduleEnd()
  }

  // The end

  func scheduleEnd() {
    guard containers.isEmpty, peers.isEmpty, lingering == nil else { return }
    lingering = loop.after(nanoseconds: Self.linger) { [weak self] in
      guard let self else { return }
      self.lingering = nil
      if self.containers.isEmpty, self.peers.isEmpty { self.isOver = true }
    }
  }

  private func cancelEnd() {
    if let lingering { loop.cancel(deadline: lingering) }
    lingering = nil
  }

  /// Ends the uplink of a network process that was killed.
  package static func endAbandonedUplink(_ directory: StateDirectory) {
    // Without the directory there is none.
    guard let run = (try? directory.runRoot()) ?? nil,
      let home = try? File.openDirectory(at: run, StatePath.Run.networkProcess),
      let uplink = HostSockets.livingUplink(home.raw)
    else { return }
    _ = try? uplink.signal(SIGTERM)  // It may end by itself just now.
  }

  /// Ends at once; nobody needs us.
  func endNow() { isOver = true }

  private func end() {
    if let listener { loop.forget(listener.raw) }
    listener = nil
    // Gone already when somebody removed the directory.
    try? File.removeIfPresent(at: home.raw, Self.socketFile)
    guard containers.isEmpty else { return }
    uplink?.stop()
    if !isRootless { removeAll() }
    for file in [HostSockets.uplinkFile, HostSockets.namespaceFile] { try? File.removeIfPresent(at: home.raw, file) }
  }
}
