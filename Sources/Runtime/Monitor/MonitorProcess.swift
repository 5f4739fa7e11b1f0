package import Basics
internal import CLinux
internal import Glibc
package import LinuxKernel

/// A container's monitor as a process of its own: for `-d`, and for a terminal, which can be detached from.
package enum MonitorProcess {
  /// What the monitor's process has of its parent.
  package final class Link {
    private var report: OwnedDescriptor?
    private let descriptor: Int32
    /// The parent's connection, attached from the start; nil for a parent that goes away.
    package let client: InitialClient?

    init(report: consuming OwnedDescriptor, client: InitialClient?) {
      descriptor = report.raw
      self.report = consume report
      self.client = client
    }

    /// Gives the parent, who still has the caller's stderr, a sentence to say. Before `started`.
    package func warn(_ sentence: String) {
      let bytes = [UInt8(ascii: "w")] + sentence.utf8.map { $0 == 0x0A ? 0x20 : $0 } + [0x0A]
      if report != nil { _ = write(descriptor, bytes, bytes.count) }
    }

    /// Tells the parent that the program runs; it goes on at once.
    package func started() { tell([UInt8(ascii: "s")]) }

    /// Tells why the program does not run; nothing once it has been told that it does.
    func failed(_ error: EngineError) {
      var fields = JSONObject()
      fields["kind"] = .string(error.kind.rawValue)
      fields["doing"] = .string(error.doing)
      fields["reason"] = .string(error.reason)
      fields["hint"] = error.hint.map(JSON.string)
      tell(JSON.object(fields).bytes())
    }

    /// The parent may be gone (ctrl-C): that changes nothing here.
    private func tell(_ bytes: [UInt8]) {
      if report != nil { _ = write(descriptor, bytes, bytes.count) }
      report = nil
    }
  }

  /// What the parent has of the monitor.
  package struct Started: ~Copyable {
    /// Pid of the monitor.
    package let pid: Int32
    /// Our end of the connection, when one was asked for.
    package let connection: OwnedDescriptor?

    /// The connection, for `AttachClient`.
    package consuming func takeConnection() -> OwnedDescriptor? { connection }
  }

  /// Forks the monitor and waits until its program runs or has failed to start.
  /// The child leads a session of its own, in `/`, with /dev/null as stdio, without the descriptors that our caller
  /// left open for us and with default signal actions. It never returns from here: it exits with what `body` answers.
  /// - Parameters:
  ///   - attach: what our connection wants of the container; nil for none.
  ///   - warn: in the parent: says what the child warned of.
  ///   - forked: in the parent: hears the monitor's pid as soon as it exists.
  ///   - body: in the child: makes the `Monitor` with `link.client`, launches, calls `link.started()`, runs the
  ///     monitor. An error it throws before `started` is thrown here by the parent.
  /// - Throws: what `body` threw; `EngineError` of kind `internal` when the child died without a word.
  package static func detach(
    attach: LocalClient?, warn: (String) -> Void = { _ in }, forked: (Int32) -> Void = { _ in },
    body: (Link) throws(EngineError) -> Int32
  ) throws(EngineError) -> Started {
    let connection: (ours: Int32, monitors: Int32)
    let report: (read: Int32, write: Int32)
    let child: pid_t
    do throws(SystemError) {
      report = try File.pipe()
      connection = attach == nil ? (-1, -1) : try socketPair()
      child = try systemCall("fork") { dhow_fork() }
    } catch { throw error.engineError("starting the container's monitor") }
    if child == 0 {
      close(report.read)
      if connection.ours >= 0 { close(connection.ours) }
      let client = attach.map {
        InitialClient(connection: connection.monitors, output: $0.stdout || $0.stderr, input: $0.stdin)
      }
      become(Link(report: OwnedDescriptor(owning: report.write), client: client), body)
    }
    forked(child)
    close(report.write)
    if connection.monitors >= 0 { close(connection.monitors) }
    let readEnd = OwnedDescriptor(owning: report.read)
    let ours = connection.ours >= 0 ? OwnedDescriptor(owning: connection.ours) : nil
    var answer: ArraySlice<UInt8>
    do throws(SystemError) { answer = try File.readAll(readEnd.raw, limit: 65_536)[...] } catch {
      throw error.engineError("starting the container's monitor")
    }
    while answer.first == UInt8(ascii: "w"), let end = answer.firstIndex(of: 0x0A) {
      warn(String(decoding: answer[..<end].dropFirst(), as: UTF8.self))
      answer = answer[(end + 1)...]
    }
    if answer.first == UInt8(ascii: "s") { return Started(pid: child, connection: ours) }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    throw failure(Array(answer))
  }

  private static func socketPair() throws(SystemError) -> (Int32, Int32) {
    var ends: [Int32] = [-1, -1]
    try systemCall("socketpair") { ends.withUnsafeMutableBufferPointer { dhow_socketpair($0.baseAddress) } }
    return (ends[0], ends[1])
  }

  private static func become(_ link: Link, _ body: (Link) throws(EngineError) -> Int32) -> Never {
    setsid()
    _ = chdir("/")
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    for descriptor in 0...2 as ClosedRange<Int32> { dup2(null, descriptor) }
    if null > 2 { close(null) }
    closeInherited()
    // _exit: what the parent has buffered for its own stdout is not ours to write.
    do throws(EngineError) { _exit(try body(link)) } catch {
      link.failed(error)
      _exit(125)
    }
  }

  /// Closes what the program that started us left open for us, such as a shell's `3>file`: a monitor that lives for
  /// months must not hold it. All of our own descriptors are close-on-exec, and none that came through exec can be.
  private static func closeInherited() {
    // Without /proc nothing is closed, which harms nobody but the caller's own file.
    guard let entries = try? File.listIfPresent("/proc/self/fd") else { return }
    for entry in entries {
      guard let descriptor = Int32(entry.name), descriptor > 2 else { continue }
      let flags = fcntl(descriptor, F_GETFD)
      if flags >= 0, flags & FD_CLOEXEC == 0 { close(descriptor) }
    }
  }

  private static func failure(_ answer: [UInt8]) -> EngineError {
    do {
      let fields = try JSONFields(JSON(parsing: answer), "monitor")
      return EngineError(
        EngineError.Kind(rawValue: try fields.string("kind")) ?? .internal, try fields.string("doing"),
        try fields.string("reason"), hint: try fields.optionalString("hint"))
    } catch {
      return EngineError(.internal, "starting the container's monitor", "it died before the program ran")
    }
  }
}
