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

  /// Waits until the program has ended; if it is not started again, until its exit record is written and its clean-up
  /// done.
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
  /// has ended and is not started again. Nothing else but the greeting ever arrives on it.
  package static func requestExit(_ connection: borrowing OwnedDescriptor) {
    let frame = AttachProtocol.frame(.wait, [1])
    _ = dhow_send_nowait(connection.raw, frame, frame.count, nil, 0)
  }

  /// Sets the size of the container's terminal.
  package static func resize(_ connection: borrowing OwnedDescriptor, to size: WindowSize) throws(EngineError) {
    let payload = AttachProtocol.littleEndian(size.rows) + AttachProtocol.littleEndian(size.columns)
    do throws(SystemError) {
      try File.writeAll(connection.raw, AttachProtocol.frame(.resize, payload), shown: "the container's monitor")
    } catch { throw error.engineError("resizing the container's terminal") }
  }

  /// Has the container's health checked now.
  /// - Returns: the exit code of the check, -1 when there was none to tell; nil when the monitor went away.
  package static func checkHealth(_ connection: borrowing OwnedDescriptor) throws(EngineError) -> Int32? {
    do throws(SystemError) {
      try File.writeAll(connection.raw, AttachProtocol.frame(.check), shown: "the container's monitor")
      return try readFrame(.checked, connection.raw) { AttachProtocol.number($0, at: 0) }
    } catch {
      if [EPIPE, ECONNRESET].contains(error.errno) { return nil }
      throw error.engineError("checking the container's health")
    }
  }

  private static func readExit(_ connection: Int32) throws(SystemError) -> ExitStatus? {
    try readFrame(.exit, connection) { ExitStatus(frame: $0) }
  }

  private static func readFrame<Answer>(
    _ wanted: AttachProtocol.Kind, _ connection: Int32, _ read: (UnsafeRawBufferPointer) -> Answer
  ) throws(SystemError) -> Answer? {
    var reader = FrameReader()
    var answer: Answer?
    var buffer = [UInt8](repeating: 0, count: 512)
    while answer == nil {
      let got = try systemCall("read", "the container's monitor") { Glibc.read(connection, &buffer, buffer.count) }
      if got == 0 { return nil }
      let understood = buffer.withUnsafeBytes {
        reader.feed(UnsafeRawBufferPointer(rebasing: $0[..<got])) { kind, payload in
          if kind == wanted.rawValue { answer = read(payload) }
        }
      }
      if !understood { return nil }
    }
    return answer
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
