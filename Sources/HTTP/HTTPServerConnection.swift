internal import Basics
package import LinuxKernel

/// One client of a server: its requests come one after the other.
package final class HTTPServerConnection {
  /// The client's address for logs, such as `127.0.0.1:4711`.
  package let peer: String
  package var descriptor: Int32 { channel.socket }

  let channel: ByteChannel
  let settings: HTTPServerSettings
  private var pendingTLS: TLSContext?
  private var current: HTTPServerRequest?
  private var hasServed = false

  /// A connection over a socket that is already open: tests, and sockets handed to us.
  package convenience init(
    _ socket: consuming OwnedDescriptor, peer: String = "", settings: HTTPServerSettings = HTTPServerSettings()
  ) {
    self.init(socket, peer: peer, settings: settings, tls: nil)
  }

  init(_ socket: consuming OwnedDescriptor, peer: String, settings: HTTPServerSettings, tls: TLSContext?) {
    self.peer = peer
    self.settings = settings
    pendingTLS = tls
    channel = ByteChannel(
      socket, peer: peer,
      patience: Patience(idle: settings.idleTimeout, leastBytes: settings.leastBytesPerIdleTimeout))
  }

  /// The next request, its head read; nil when the client is done, or may not go on. What is left of the request before is
  /// read first. A head that is not HTTP is answered with 400 or 431 and thrown.
  package func nextRequest() throws(HTTPFailure) -> HTTPServerRequest? {
    guard channel.isOpen else { return nil }
    if let last = current {
      current = nil
      guard last.hasResponded, !last.mustClose, try last.finishBody() else {
        linger()
        return nil
      }
    }
    guard let head = try readHead() else {
      close()
      return nil
    }
    do throws(HTTPFailure) {
      let request = try HTTPServerRequest(head, self)
      current = request
      return request
    } catch {
      refuse(error)
      throw error
    }
  }

  private func readHead() throws(HTTPFailure) -> MessageHead? {
    let body = Patience(idle: settings.idleTimeout, leastBytes: settings.leastBytesPerIdleTimeout)
    defer {
      channel.deadline = nil
      channel.patience = body
      channel.forgetWaits()
    }
    if hasServed, channel.buffered.isEmpty {
      channel.patience = Patience(idle: settings.keepAliveTimeout, leastBytes: 0)
      do throws(HTTPFailure) {
        guard try channel.fill(limit: MessageHead.byteLimit) else { return nil }
      } catch {
        // An open connection on which nothing more was asked ends quietly.
        if error.kind == .timeout || error.kind == .closed { return nil }
        throw error
      }
    }
    hasServed = true
    channel.patience = Patience(idle: settings.headTimeout, leastBytes: 0)
    channel.deadline = MonotonicClock.now + settings.headTimeout.inNanoseconds
    if let context = pendingTLS {
      pendingTLS = nil
      try channel.beginTLS(TLSSession(context, name: nil))
    }
    do throws(HTTPFailure) { return try channel.readHead() } catch {
      refuse(error)
      throw error
    }
  }

  /// Says what is wrong with a head, as far as the client listens, and ends the connection.
  private func refuse(_ failure: HTTPFailure) {
    let status: Int
    switch failure.kind {
    case .limit: status = 431
    case .malformed: status = failure.status ?? 400
    case .timeout: status = 408
    default:
      close()
      return
    }
    let text = failure.text + "\n"
    let headers: HTTPHeaders = [
      "Content-Type": "text/plain; charset=utf-8", "Content-Length": String(text.utf8.count), "Connection": "close",
    ]
    if let head = try? MessageWriter.head("HTTP/1.1 \(status) \(reasonPhrase(status))", headers) {
      // A client that is gone needs no answer.
      _ = try? channel.write(head + Array(text.utf8))
    }
    linger()
  }

  /// Ends the connection so that the client still reads the last answer: closing a socket with unread input resets it.
  private func linger() {
    channel.endSending()
    channel.patience = Patience(idle: .seconds(1), leastBytes: 0)
    channel.deadline = MonotonicClock.now + 3_000_000_000
    let bin = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)
    defer { bin.deallocate() }
    // Whatever ends this, the connection is over.
    while let count = try? channel.read(into: bin), count > 0 { continue }
    close()
  }

  /// Sends bytes as they are: for protocols that begin after an upgrade, and for doubles that lie.
  package func send(raw bytes: [UInt8]) throws(HTTPFailure) { try channel.write(bytes) }

  /// Gives the socket away together with what was read ahead. Only without TLS.
  package func takeOver() throws(HTTPFailure) -> (socket: Int32, readAhead: [UInt8]) {
    guard channel.tls == nil, channel.isOpen else {
      throw HTTPFailure(.system, "a connection with TLS cannot be handed over")
    }
    current = nil
    return channel.release()
  }

  package func close() { channel.close() }

  /// Closes this process's descriptor and says nothing to the client: a child serves it.
  package func abandon() { channel.abandon() }
}
