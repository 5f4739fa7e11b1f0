package import Basics
internal import CLinux
internal import Glibc
package import LinuxKernel

/// A connection to the monitor of a running container.
package enum MonitorConnection {
  /// Connects to the socket `attach` in a runtime directory; nil when no monitor listens there.
  package static func open(runtimeDirectory: Int32) throws(EngineError) -> OwnedDescriptor? {
    let connection = dhow_unix_connect(runtimeDirectory, RuntimeDirectoryGuard.socketName)
    if connection >= 0 { return OwnedDescriptor(owning: connection) }
    let code = errno
    if code == ENOENT || code == ECONNREFUSED || code == ENOTDIR { return nil }
    throw SystemError("connect", "the container's monitor", errno: code).engineError("reaching the container's monitor")
  }

  /// Waits until the container has ended, its exit record is written and its clean-up done.
  /// - Returns: nil when the monitor went away without a word (it was killed, or it ended before it saw us): the exit
  ///   record then has the answer, if there is one.
  package static func waitForExit(_ connection: borrowing OwnedDescriptor) throws(EngineError) -> ExitStatus? {
    do throws(SystemError) {
      try File.writeAll(connection.raw, AttachProtocol.frame(.wait), shown: "the container's monitor")
      return try readExit(connection.raw)
    } catch {
      if [EPIPE, ECONNRESET].contains(error.errno) { return nil }
      throw error.engineError("waiting for the container")
    }
  }

  /// Asks to be told of the end without waiting for it: the connection becomes readable, or ends, when the container
  /// has ended. Nothing else but the greeting ever arrives on it.
  package static func requestExit(_ connection: borrowing OwnedDescriptor) {
    let frame = AttachProtocol.frame(.wait)
    _ = dhow_send_nowait(connection.raw, frame, frame.count, nil, 0)
  }

  /// Sets the size of the container's terminal.
  package static func resize(_ connection: borrowing OwnedDescriptor, to size: WindowSize) throws(EngineError) {
    let payload = AttachProtocol.littleEndian(size.rows) + AttachProtocol.littleEndian(size.columns)
    do throws(SystemError) {
      try File.writeAll(connection.raw, AttachProtocol.frame(.resize, payload), shown: "the container's monitor")
    } catch { throw error.engineError("resizing the container's terminal") }
  }

  private static func readExit(_ connection: Int32) throws(SystemError) -> ExitStatus? {
    var reader = FrameReader()
    var status: ExitStatus?
    var buffer = [UInt8](repeating: 0, count: 512)
    while status == nil {
      let got = try systemCall("read", "the container's monitor") { read(connection, &buffer, buffer.count) }
      if got == 0 { return nil }
      let understood = buffer.withUnsafeBytes {
        reader.feed(UnsafeRawBufferPointer(rebasing: $0[..<got])) { kind, payload in
          if kind == AttachProtocol.Kind.exit.rawValue { status = ExitStatus(frame: payload) }
        }
      }
      if !understood { return nil }
    }
    return status
  }
}

extension ExitStatus {
  /// From the payload of an `exit` frame.
  init(frame payload: UnsafeRawBufferPointer) {
    self.init(
      code: AttachProtocol.number(payload, at: 0), signal: AttachProtocol.number(payload, at: 4),
      finishedAt: Timestamp(nanoseconds: AttachProtocol.number(payload, at: 8)))
  }

  var framePayload: [UInt8] {
    AttachProtocol.littleEndian(code) + AttachProtocol.littleEndian(signal)
      + AttachProtocol.littleEndian(finishedAt.nanoseconds)
  }
}
