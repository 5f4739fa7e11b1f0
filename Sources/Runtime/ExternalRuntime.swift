package import Basics
internal import CLinux
internal import Glibc
package import LinuxKernel
package import OCI

/// Another OCI runtime, `--runtime crun|runc|PATH`: it gets our runtime spec as a bundle and makes the container; our
/// monitor then watches its first process like one of our own.
package struct ExternalRuntime: Sendable {
  /// Absolute path of the program.
  package let program: String
  /// Directory of the runtime's own state.
  private let stateRoot: String
  private let doing: String

  private static let logLimit = 1 << 20
  private static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  /// - Parameters:
  ///   - choice: a name, looked for where only the system writes, or a path.
  ///   - stateRoot: a directory for the runtime's state, made when it is missing.
  /// - Throws: `EngineError` when there is no such program.
  package init(_ choice: String, stateRoot: String, doing: String) throws(EngineError) {
    if choice.hasPrefix("/") {
      guard access(choice, X_OK) == 0 else {
        throw EngineError(.notFound, doing, "runtime \(safeText(choice)): no program that can be executed")
      }
      program = choice
    } else {
      guard !choice.contains("/"), let found = Spawn.systemProgram(choice) else {
        throw EngineError(
          .notFound, doing, "runtime \(safeText(choice)) is not installed",
          hint: "apt-get install \(choice == "crun" ? "crun" : "runc"), or give an absolute path")
      }
      program = found
    }
    self.stateRoot = stateRoot
    self.doing = doing
  }

  /// The spec for another runtime: with the cgroup it shall use, and without limits that it could not apply either.
  package static func adapted(
    _ spec: RuntimeSpec, id: String, cgroup: CgroupPlacement, isRoot: Bool
  ) -> RuntimeSpec {
    var spec = spec
    if let path = cgroup.unifiedPath {
      spec.linux.cgroupsPath = path
    } else if isRoot {
      // One directory: runtimes do not remove the one above.
      spec.linux.cgroupsPath = "dhow-" + id
    } else {
      spec.linux.resources = RuntimeSpec.Resources()
      spec.linux.cgroupsPath = nil
      spec.mounts.removeAll { $0.type == "cgroup" }
    }
    return spec
  }

  /// Creates and starts a container.
  ///
  /// We become a subreaper meanwhile (prctl(2)), so that the first process becomes our child when the runtime leaves.
  /// The root file system is mounted in a mount namespace of ours, which ends with us: nothing is left behind.
  /// - Parameters:
  ///   - bundle: absolute path of a directory of ours; gets config.json, rootfs, log and pid file.
  ///   - seccomp: the filter, in the form of the spec.
  ///   - beforeStart: runs when the container exists and its program does not run yet.
  package func launch(
    _ spec: RuntimeSpec, id: String, stdio: LaunchStdio, options: LaunchOptions, seccomp: RuntimeSpec.Seccomp?,
    bundle: String, beforeStart: (Int32) throws(EngineError) -> Void = { _ in }
  ) throws(EngineError) -> LaunchedProcess {
    try refuseWhatItCannot(options)
    let descriptor: Int32
    do throws(SystemError) {
      try File.ensureDirectory(stateRoot)
      try File.ensureDirectory(bundle + "/rootfs", mode: 0o755)
      try OverlayRoot.mount(options.rootFileSystem, at: bundle + "/rootfs", userxattr: options.inUserNamespace)
      try write(bundleSpec(spec, seccomp), to: bundle)
      descriptor = try File.openDirectory(bundle).take()
    } catch { throw error.engineError(doing) }
    defer { close(descriptor) }
    let console = try stdio.isTerminal ? ConsoleSocket(at: descriptor, doing: doing) : nil
    do throws(SystemError) { try setSubreaper(true) } catch { throw error.engineError(doing) }
    // Nothing else may become ours by chance; undoing it cannot fail where setting it did not.
    defer { try? setSubreaper(false) }
    do throws(EngineError) {
      try create(id, stdio: stdio, bundle: descriptor, hasConsole: console != nil)
      let pid = try readPid(bundle)
      let terminal = try console?.receive(stdio) ?? -1
      guard let identity = ProcessIdentity(of: pid), let pidfd = try open(identity) else {
        throw EngineError(.internal, doing, "the container's process ended while \(name) made it")
      }
      try beforeStart(pid)
      try call(["start", id])
      return LaunchedProcess(pid: pid, pidfd: pidfd, startTime: identity.startTime, terminal: terminal)
    } catch {
      let cause = classified(error, spec, bundle: bundle)
      remove(id, bundle: bundle)
      throw cause
    }
  }

  /// Removes what the runtime keeps of a container, and the mount; its processes are killed if there still are any.
  package func remove(_ id: String, bundle: String) {
    // There may be nothing to delete: then the runtime says so, to nobody.
    try? call(["delete", "--force", id])
    umount2(bundle + "/rootfs", Int32(MNT_DETACH))
    for name in ["config.json", "pid", "console.sock"] { unlink(bundle + "/" + name) }
    unlink(logPath)
    rmdir(bundle + "/rootfs")
  }

  /// The runtime's word on a container (runtime.md, "State").
  package func state(_ id: String) throws(EngineError) -> JSON {
    let output = try call(["state", id])
    do throws(JSONSyntaxError) { return try JSON(parsing: output) } catch {
      throw EngineError(.corrupt, doing, "\(name) state: \(error.reason) at byte \(error.offset)")
    }
  }

  /// Sends a signal by way of the runtime.
  package func kill(_ id: String, signal: Int32) throws(EngineError) { try call(["kill", id, "\(signal)"]) }

  private var name: String { safeText(program.split(separator: "/").last.map(String.init) ?? program) }
  private var logPath: String { stateRoot + "/log.\(getpid())" }

  private func refuseWhatItCannot(_ options: LaunchOptions) throws(EngineError) {
    if options.usesInit {
      throw EngineError(
        .unsupported, doing,
        "--init needs our own runtime: the program that becomes PID 1 is in none of the container's files",
        hint: "leave out --init or --runtime")
    }
    if !options.passedDescriptors.isEmpty {
      throw EngineError(
        .unsupported, doing, "descriptors are passed to a container by our own runtime only",
        hint: "leave out --runtime")
    }
    if options.joins.contains(where: { $0.types.contains(.mount) }) {
      throw EngineError(.unsupported, doing, "\(name) cannot join a container's mount namespace")
    }
  }

  /// The spec as the bundle has it.
  private func bundleSpec(_ spec: RuntimeSpec, _ seccomp: RuntimeSpec.Seccomp?) -> RuntimeSpec {
    var spec = spec
    // Nothing of ours needs a later version, and crun before 1.9 takes no other.
    spec.ociVersion = "1.0.2"
    spec.root.path = "rootfs"
    spec.linux.seccomp = seccomp
    return spec
  }

  private func write(_ spec: RuntimeSpec, to bundle: String) throws(SystemError) {
    let file = try File.open(bundle + "/config.json", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
    try File.writeAll(file.raw, spec.json.bytes(), shown: "config.json")
  }

  private func setSubreaper(_ on: Bool) throws(SystemError) {
    try systemCall("prctl") { dhow_prctl(PR_SET_CHILD_SUBREAPER, on ? 1 : 0, 0) }
  }

  private func open(_ identity: ProcessIdentity) throws(EngineError) -> OwnedDescriptor? {
    do throws(SystemError) { return try identity.open() } catch { throw error.engineError(doing) }
  }

  /// `create` leaves the program waiting for `start`, with our streams as its own. The bundle is descriptor 3 in the
  /// runtime, since the path of a unix socket has room for 107 bytes only.
  private func create(
    _ id: String, stdio: LaunchStdio, bundle: Int32, hasConsole: Bool
  ) throws(EngineError) {
    var streams: [Int32?] = [nil, nil, nil]
    if case .descriptors(let input, let output, let error) = stdio { streams = [input, output, error] }
    let directory = "/proc/self/fd/3"
    var arguments = ["create", "--bundle", bundlePath(bundle), "--pid-file", directory + "/pid"]
    if hasConsole { arguments += ["--console-socket", directory + "/console.sock"] }
    _ = try run(arguments + [id], streams + [bundle])
  }

  /// The bundle's path, for the runtime notes it in its state.
  private func bundlePath(_ descriptor: Int32) -> String {
    // A descriptor of ours always has a link.
    (try? File.readLink("/proc/self/fd/\(descriptor)")) ?? "/proc/self/fd/3"
  }

  private func readPid(_ bundle: String) throws(EngineError) -> Int32 {
    let bytes: [UInt8]
    do throws(SystemError) { bytes = try File.readAll(bundle + "/pid", limit: 64) } catch {
      throw error.engineError(doing)
    }
    guard let pid = Int32(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)), pid > 0 else {
      throw EngineError(.corrupt, doing, "\(name) wrote no pid into its pid file")
    }
    return pid
  }

  /// A command of the runtime that has no part in the container's streams.
  /// - Returns: its standard output.
  @discardableResult
  private func call(_ arguments: [String]) throws(EngineError) -> [UInt8] {
    let output: OwnedDescriptor
    do throws(SystemError) {
      output = OwnedDescriptor(owning: try systemCall("memfd_create") { dhow_memfd_create("output", 1) })
    } catch { throw error.engineError(doing) }
    try run(arguments, [nil, output.raw, nil])
    lseek(output.raw, 0, SEEK_SET)
    do throws(SystemError) { return try File.readAll(output.raw, limit: Self.logLimit) } catch {
      throw error.engineError(doing)
    }
  }

  private func run(_ arguments: [String], _ descriptors: [Int32?]) throws(EngineError) {
    unlink(logPath)
    let all = [name, "--root", stateRoot, "--log", logPath, "--log-format", "json"] + arguments
    let end: ProcessEnd
    do throws(SystemError) {
      let pid = try Spawn.start(
        program, all, environment: ["PATH=" + Self.searchPath, "LC_ALL=C.UTF-8"], descriptors: descriptors)
      end = try Spawn.wait(pid)
    } catch { throw error.engineError(doing) }
    guard end == .exited(0) else {
      let command = arguments.first ?? ""
      let reason = lastMessage() ?? (end.shellCode > 128 ? "ended by a signal" : "exited with \(end.shellCode)")
      throw EngineError(.unavailable, doing, "\(name) \(command): \(safeText(reason))")
    }
  }

  /// The runtime's last complaint in its log of JSON lines.
  private func lastMessage() -> String? {
    // Without a log it said nothing.
    guard let bytes = try? File.readAll(logPath, limit: Self.logLimit) else { return nil }
    var result: String?
    for line in bytes.split(separator: 0x0A) {
      // A line that is cut off says nothing.
      guard let entry = try? JSON(parsing: Array(line)), let text = entry["msg"]?.stringValue else { continue }
      if let level = entry["level"]?.stringValue, level != "error", level != "fatal" { continue }
      result = text
    }
    return result.map { $0.split(separator: "\n").joined(separator: " ") }
  }

  /// A runtime tells in words only that there is no such program in the container; the root file system tells for sure.
  private func classified(_ error: EngineError, _ spec: RuntimeSpec, bundle: String) -> EngineError {
    guard error.kind == .unavailable, let candidates = try? LaunchPlan.candidates(spec.process, doing: doing),
      let root = try? File.openDirectory(bundle + "/rootfs")
    else { return error }
    var found = false
    for path in candidates {
      guard let file = try? File.openInRoot(root.raw, path, 0o10000000),  // O_PATH
        let status = try? File.status(file.raw)
      else { continue }
      if status.kind == .regular, status.mode & 0o111 != 0 { return error }
      found = true
    }
    var result = error
    result.kind = found ? .commandNotExecutable : .commandNotFound
    return result
  }
}

/// PR_SET_CHILD_SUBREAPER of prctl(2), kernel 3.4.
private let PR_SET_CHILD_SUBREAPER: Int32 = 36

extension LaunchStdio {
  fileprivate var isTerminal: Bool { if case .terminal = self { true } else { false } }
}

/// The socket over which a runtime hands the master of the container's terminal (runc's docs/terminals.md).
private final class ConsoleSocket {
  private let socket: Int32
  private let doing: String

  /// - Parameter directory: gets the socket `console.sock`.
  init(at directory: Int32, doing: String) throws(EngineError) {
    self.doing = doing
    let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw SystemError("socket").engineError(doing) }
    socket = descriptor
    let path = "/proc/self/fd/\(directory)/console.sock"
    unlink(path)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let bound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
    }
    guard bound == 0, listen(descriptor, 1) == 0 else { throw SystemError("bind", "console.sock").engineError(doing) }
  }

  deinit { close(socket) }

  /// The master, after the runtime has left; its connection waits in the socket's queue.
  func receive(_ stdio: LaunchStdio) throws(EngineError) -> Int32 {
    var poll = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    var master: Int32 = -1
    let connection = Glibc.poll(&poll, 1, 0) == 1 ? dhow_accept4(socket, 0o2000000) : -1  // SOCK_CLOEXEC
    if connection >= 0 {
      _ = dhow_receive_descriptors(connection, &master, 1)
      close(connection)
    }
    guard master >= 0 else { throw EngineError(.internal, doing, "the runtime handed over no terminal") }
    if case .terminal(let columns, let rows) = stdio, columns > 0 || rows > 0 {
      var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
      _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }
    return master
  }
}

/// A container's root file system, mounted for somebody else to use.
private enum OverlayRoot {
  /// Enters a mount namespace of our own and mounts there.
  static func mount(
    _ root: RootFileSystem, at point: String, userxattr: Bool
  ) throws(SystemError) {
    try systemCall("unshare", "the mount namespace") { dhow_unshare(Int32(DHOW_CLONE_NEWNS)) }
    try systemCall("mount", "/") { Glibc.mount(nil, "/", nil, UInt(MS_REC | MS_SLAVE), nil) }
    switch root {
    case .directory(let path):
      try systemCall("mount", path) { Glibc.mount(path, point, nil, UInt(MS_BIND | MS_REC), nil) }
    case .overlay(let lower, let upper, let work, let isVolatile):
      // By descriptors: names may hold colons and commas, and a list of them may be longer than mount(2) takes.
      var names: [String] = []
      var opened: [Int32] = []
      defer { for descriptor in opened { close(descriptor) } }
      for path in lower + [upper, work] {
        opened.append(try File.openDirectory(path, followLink: true).take())
        names.append("/proc/self/fd/\(opened[opened.count - 1])")
      }
      let layers = names.dropLast(2).joined(separator: ":")
      let tail =
        (userxattr ? ",userxattr" : ",redirect_dir=off,index=off,metacopy=off") + (isVolatile ? ",volatile" : "")
      let data = "lowerdir=\(layers),upperdir=\(names[names.count - 2]),workdir=\(names[names.count - 1])\(tail)"
      guard data.utf8.count < 4096 else { throw SystemError("mount", "\(lower.count) layers", errno: E2BIG) }
      try systemCall("mount", "the root file system") { Glibc.mount("overlay", point, "overlay", 0, data) }
    }
  }
}
