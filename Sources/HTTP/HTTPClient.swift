internal import Basics
internal import LinuxKernel

/// A blocking HTTP/1.1 client of one thread. Keeps one connection per origin open, sends once more when a kept connection
/// turned out closed before any byte of the answer, never follows a redirect: whoever asks knows which credentials may go
/// where.
package final class HTTPClient {
  package let settings: HTTPClientSettings
  private var kept: [WebAddress.Origin: ClientConnection] = [:]
  /// Made by the first https request.
  private var tlsContext: TLSContext?

  package init(_ settings: HTTPClientSettings = HTTPClientSettings()) { self.settings = settings }

  /// Sends the request and answers when the head of the final response is here. An answer whose body is not read to its
  /// end costs its connection, nothing else.
  package func send(_ request: HTTPRequest) throws(HTTPFailure) -> HTTPResponse {
    let origin = request.address.origin
    if let connection = kept.removeValue(forKey: origin), !connection.channel.hasInput() {
      do throws(HTTPFailure) {
        return try answer(request, over: connection)
      } catch {
        let mayRepeat = request.isRepeatable && request.body.canBeSentTwice
        guard mayRepeat, error.kind == .closed, !connection.hasAnswered else { throw error }
      }
    }
    return try answer(request, over: open(request.address))
  }

  /// Closes all kept connections; the client remains usable. A forked child calls it before its first request.
  package func closeConnections() { kept = [:] }

  /// Takes a connection back whose answer has been read.
  func keep(_ connection: ClientConnection, _ origin: WebAddress.Origin) { kept[origin] = connection }

  private func answer(
    _ request: HTTPRequest, over connection: ClientConnection
  ) throws(HTTPFailure) -> HTTPResponse {
    let sent = try connection.exchange(request, settings)
    return HTTPResponse(sent, request: request, connection: connection, client: self)
  }

  private func open(_ address: WebAddress) throws(HTTPFailure) -> ClientConnection {
    let proxy = try settings.proxy.endpoint(for: address)
    let deadline = MonotonicClock.now.addingReportingOverflow(settings.connectTimeout.inNanoseconds)
    let latest = deadline.overflow ? .max : deadline.partialValue
    let socket: OwnedDescriptor
    if let proxy {
      do throws(HTTPFailure) {
        socket = try Connector.connect(host: proxy.host, port: proxy.port, deadline: latest)
      } catch { throw HTTPFailure(.proxy, "the proxy " + error.text, isRetryable: error.isRetryable) }
    } else {
      socket = try Connector.connect(host: address.host, port: address.port, deadline: latest)
    }
    let patience = Patience(idle: settings.idleTimeout, leastBytes: settings.leastBytesPerIdleTimeout)
    let channel = ByteChannel(socket, peer: address.hostAndPort, patience: patience)
    channel.deadline = latest
    if address.scheme == .https {
      if let proxy { try tunnel(channel, to: address, proxy) }
      if tlsContext == nil { tlsContext = try TLSContext(client: settings.trust) }
      if let tlsContext { try channel.beginTLS(TLSSession(tlsContext, name: address.host)) }
    }
    channel.deadline = nil
    return ClientConnection(channel, plainProxy: address.scheme == .http ? proxy : nil)
  }

  /// RFC 9110 section 9.3.6.
  private func tunnel(
    _ channel: ByteChannel, to address: WebAddress, _ proxy: ProxySettings.Endpoint
  ) throws(HTTPFailure) {
    var headers: HTTPHeaders = ["Host": address.hostAndPort, "User-Agent": settings.userAgent]
    if let authorization = proxy.authorization { headers.add("Proxy-Authorization", authorization) }
    let name = "the proxy \(proxy.host):\(proxy.port)"
    do throws(HTTPFailure) {
      try channel.write(MessageWriter.head("CONNECT \(address.hostAndPort) HTTP/1.1", headers))
      guard let head = try channel.readHead() else { throw channel.failed(.closed, "no answer") }
      let status = try StatusLine(head.startLine, channel).status
      if status == 407 { throw HTTPFailure(.proxy, "\(name) wants other credentials") }
      guard (200..<300).contains(status) else {
        throw HTTPFailure(.proxy, "\(name) answers \(status) to a tunnel to \(address.hostAndPort)")
      }
      // What comes behind the head belongs to the other end, which has not been asked anything yet.
      guard channel.buffered.isEmpty else { throw HTTPFailure(.proxy, "\(name) sends more than its answer") }
    } catch {
      if error.kind == .proxy { throw error }
      throw HTTPFailure(.proxy, "\(name): \(error.text)", isRetryable: error.isRetryable)
    }
  }
}

/// One connection of a client, and whether it may carry another request.
final class ClientConnection {
  let channel: ByteChannel
  /// Set when http requests go to a proxy in absolute form.
  private let plainProxy: ProxySettings.Endpoint?
  /// True once a byte of the current answer is here.
  private(set) var hasAnswered = false

  init(_ channel: ByteChannel, plainProxy: ProxySettings.Endpoint?) {
    self.channel = channel
    self.plainProxy = plainProxy
  }

  struct Answer {
    var status: Int
    var headers: HTTPHeaders
    var framing: BodyFraming
    var canBeKept: Bool
  }

  func exchange(_ request: HTTPRequest, _ settings: HTTPClientSettings) throws(HTTPFailure) -> Answer {
    hasAnswered = false
    channel.forgetWaits()
    channel.patience = Patience(idle: settings.idleTimeout, leastBytes: settings.leastBytesPerIdleTimeout)
    let head = try self.head(of: request, settings)
    var isWhole = false
    do throws(HTTPFailure) {
      isWhole = try MessageWriter.send(channel, head: head, body: request.body, stoppingForInput: true)
    } catch {
      // A server that refuses a body answers and closes: its answer says more than our broken pipe.
      guard error.kind == .closed, request.body.length != 0 else { throw error }
      guard let answer = try? receive(request, settings) else { throw error }  // The first failure is the true one.
      return unkept(answer)
    }
    let answer = try receive(request, settings)
    return isWhole ? answer : unkept(answer)
  }

  private func unkept(_ answer: Answer) -> Answer {
    var answer = answer
    answer.canBeKept = false
    return answer
  }

  private func head(of request: HTTPRequest, _ settings: HTTPClientSettings) throws(HTTPFailure) -> [UInt8] {
    guard !request.method.isEmpty, request.method.utf8.allSatisfy(isTokenByte) else {
      throw HTTPFailure(.malformed, "a method that is no word")
    }
    var headers: HTTPHeaders = ["Host": request.address.authority, "User-Agent": settings.userAgent]
    var own = request.headers
    for name in ["Host", "User-Agent", "Connection", "Content-Length", "Transfer-Encoding", "Proxy-Authorization"] {
      own.remove(name)
    }
    for field in own.fields { headers.add(field.name, field.value) }
    for field in settings.headers.fields where headers.first(field.name) == nil { headers.add(field.name, field.value) }
    // Bytes are counted and hashed as they come.
    if headers.first("Accept-Encoding") == nil { headers.add("Accept-Encoding", "identity") }
    if let authorization = plainProxy?.authorization { headers.add("Proxy-Authorization", authorization) }
    var hasBody = true
    if case .none = request.body { hasBody = ["POST", "PUT", "PATCH"].contains(request.method) }
    if hasBody { MessageWriter.frame(request.body, &headers) }
    let target = plainProxy == nil ? request.address.target : request.address.text
    return try MessageWriter.head("\(request.method) \(target) HTTP/1.1", headers)
  }

  /// Interim answers (1xx) before the final one that are read and forgotten.
  private static let interimLimit = 16

  private func receive(_ request: HTTPRequest, _ settings: HTTPClientSettings) throws(HTTPFailure) -> Answer {
    let allowed = request.answerTimeout ?? settings.idleTimeout
    let bodyPatience = channel.patience
    let deadline = MonotonicClock.now.addingReportingOverflow(allowed.inNanoseconds)
    channel.patience = Patience(idle: allowed, leastBytes: 0)
    channel.deadline = deadline.overflow ? nil : deadline.partialValue
    defer {
      channel.patience = bodyPatience
      channel.deadline = nil
      channel.forgetWaits()
    }
    for _ in 0...ClientConnection.interimLimit {
      guard let head = try readHead() else {
        throw channel.failed(.closed, "the connection was closed before an answer")
      }
      let line = try StatusLine(head.startLine, channel)
      if (100..<200).contains(line.status), line.status != 101 { continue }
      return try answer(request, line, head.headers)
    }
    throw channel.failed(.limit, "more than \(ClientConnection.interimLimit) interim answers")
  }

  private func readHead() throws(HTTPFailure) -> MessageHead? {
    do throws(HTTPFailure) {
      let head = try channel.readHead()
      if head != nil { hasAnswered = true }
      return head
    } catch {
      if !channel.buffered.isEmpty { hasAnswered = true }
      throw error
    }
  }

  private func answer(
    _ request: HTTPRequest, _ line: StatusLine, _ headers: HTTPHeaders
  ) throws(HTTPFailure) -> Answer {
    if line.status == 407 { throw HTTPFailure(.proxy, "the proxy wants other credentials") }
    let framing: BodyFraming
    do throws(MessageHead.Refusal) {
      let told = try BodyFraming(headers, isVersion10: line.isVersion10)
      let hasNone = request.method == "HEAD" || line.status == 204 || line.status == 304 || line.status == 101
      framing = hasNone ? .none : told ?? .untilClose
    } catch { throw channel.failed(.malformed, "the head of the message has " + error.text) }
    let asksToClose = headers.all("Connection").contains { value in
      value.split(separator: ",").contains { sameToken($0.filter { $0 != " " }, "close") }
    }
    let canBeKept = !line.isVersion10 && !asksToClose && framing != .untilClose && line.status != 101
    return Answer(status: line.status, headers: headers, framing: framing, canBeKept: canBeKept)
  }
}

/// `HTTP/1.1 200 OK` (RFC 9112 section 4).
struct StatusLine {
  var status: Int
  var isVersion10: Bool

  init(_ line: String, _ channel: ByteChannel) throws(HTTPFailure) {
    let bytes = Array(line.utf8)
    let prefix = Array("HTTP/1.".utf8)
    guard bytes.count >= 12, bytes.starts(with: prefix), bytes[7] == 0x30 || bytes[7] == 0x31, bytes[8] == 0x20,
      bytes.count == 12 || bytes[12] == 0x20, let status = Int(String(decoding: bytes[9..<12], as: UTF8.self)),
      bytes[9..<12].allSatisfy({ (0x30...0x39).contains($0) }), (100..<600).contains(status)
    else { throw channel.failed(.malformed, "the answer is not HTTP/1.1") }
    self.status = status
    isVersion10 = bytes[7] == 0x30
  }
}

extension HTTPBody {
  /// A stream is gone once it has been read.
  var canBeSentTwice: Bool {
    if case .stream = self { return false }
    return true
  }
}
