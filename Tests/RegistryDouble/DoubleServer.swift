import Basics
import Glibc
import HTTP
import LinuxKernel
import Synchronization
import TestSupport

/// The server: a thread per connection, which only test programs have.
final class DoubleServer: Sendable {
  private let scenario: Mutex<Scenario>
  /// Appended to by one thread at a time.
  private let record: Mutex<Int32>

  init(_ scenario: Scenario) throws {
    self.scenario = Mutex(scenario)
    if let path = scenario.record {
      record = Mutex(try File.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644).take())
    } else {
      record = Mutex(-1)
    }
  }

  /// Serves for ever; `ready` is told the port.
  func serve(_ ready: (UInt16) throws -> Void) throws {
    let (port, tls) = scenario.withLock { ($0.port, $0.tls) }
    let server = try HTTPServer(.tcp(host: "127.0.0.1", port: port), tls: tls)
    try ready(server.port)
    while true {
      // A client that left before it was taken is none.
      guard let connection = try? server.accept() else { continue }
      let box = ConnectionBox(connection: connection)
      detachThread { [self] in converse(box.connection) }
    }
  }

  private func converse(_ connection: HTTPServerConnection) {
    do {
      while let request = try connection.nextRequest() {
        guard try answer(request, connection) else { break }
      }
    } catch {
      // Clients that hang up are what this is for.
    }
    connection.close()
  }

  /// Answers; false when the connection is to be cut.
  private func answer(_ request: HTTPServerRequest, _ connection: HTTPServerConnection) throws -> Bool {
    let body = try request.readAll(limit: 256 << 20)
    write(request, body)
    if let token = scenario.withLock({ $0.token }), request.path == token.path {
      let (status, json) = token.answer(request, body)
      try request.respond(status, ["Content-Type": "application/json"], .bytes(json.bytes()))
      return true
    }
    guard let route = take(request) else {
      let error = #"{"errors":[{"code":"NOT_SCRIPTED","message":"nothing is scripted for this"}]}"#
      try request.respond(404, ["Content-Type": "application/json"], .bytes(Array(error.utf8)))
      return true
    }
    if route.wait > 0 { usleep(UInt32(route.wait) * 1000) }
    if route.hangsUp { return false }
    if let raw = route.raw {
      try connection.send(raw: raw)
      return false
    }
    return try RouteAnswer(route, request).send(connection)
  }

  private func take(_ request: HTTPServerRequest) -> Route? {
    scenario.withLock { scenario in
      for index in scenario.routes.indices where scenario.routes[index].fits(request) {
        guard let times = scenario.routes[index].times else { return scenario.routes[index] }
        if times > 0 {
          scenario.routes[index].times = times - 1
          return scenario.routes[index]
        }
      }
      return nil
    }
  }

  /// One line of JSON for each request.
  private func write(_ request: HTTPServerRequest, _ body: [UInt8]) {
    var builder = JSONBuilder()
    builder.set("method", request.method)
    builder.set("target", request.target)
    builder.set("headers", request.headers.fields.map { ($0.name.lowercased(), $0.value) })
    builder.set("length", Int64(body.count))
    builder.set("body", String(decoding: body.prefix(4096), as: UTF8.self))
    let line = builder.json.bytes() + [0x0A]
    record.withLock { descriptor in
      // A record that cannot be written fails the test that reads it.
      if descriptor >= 0 { try? File.writeAll(descriptor, line) }
    }
  }
}

/// One answer as the route wants it, truthful or not.
private struct RouteAnswer {
  private let route: Route
  private let request: HTTPServerRequest
  private var status: Int
  private var headers: HTTPHeaders = [:]
  private var body: [UInt8] = []
  /// What comes after `body`, again and again.
  private var tail: [UInt8] = []
  private var tailTimes: Int64?
  /// Bytes of a true answer; nil for an endless one.
  private var length: Int64?

  init(_ route: Route, _ request: HTTPServerRequest) throws {
    self.route = route
    self.request = request
    status = route.status
    for (name, value) in route.headers { headers.add(name, value) }
    switch route.body {
    case .none: break
    case .bytes(let bytes): body = bytes
    case .file(let path): body = try File.readAll(path, limit: 1 << 30)
    case .repeated(let bytes, let times):
      tail = bytes
      tailTimes = times
    }
    if route.takesRanges { takeRange() }
    length = tail.isEmpty ? Int64(body.count) : tailTimes.map { $0 * Int64(tail.count) }
  }

  /// `Range: bytes=N-` with 206, unless `If-Range` names another ETag.
  private mutating func takeRange() {
    headers.add("Accept-Ranges", "bytes")
    guard let text = request.headers.first("Range"), text.hasPrefix("bytes="), text.hasSuffix("-"),
      let start = Int(text.dropFirst(6).dropLast()), start < body.count
    else { return }
    if let condition = request.headers.first("If-Range"), condition != headers.first("ETag") { return }
    status = 206
    headers.add("Content-Range", "bytes \(start)-\(body.count - 1)/\(body.count)")
    body.removeFirst(start)
  }

  /// Sends it; false when the connection must not be used again.
  func send(_ connection: HTTPServerConnection) throws -> Bool {
    let isPlain =
      route.claim == nil && route.cut == nil && route.rate == nil && tail.isEmpty && !route.isChunked
    if isPlain {
      try request.respond(status, headers, .bytes(body))
      return true
    }
    var head = "HTTP/1.1 \(status) Scripted\r\n"
    for field in headers.fields { head += "\(field.name): \(field.value)\r\n" }
    if route.isChunked {
      head += "Transfer-Encoding: chunked\r\n"
    } else if let claim = route.claim ?? length {
      head += "Content-Length: \(claim)\r\n"
    }
    try connection.send(raw: Array((head + "Connection: close\r\n\r\n").utf8))
    if request.method == "HEAD" { return false }
    var sent: Int64 = 0
    var isGoingOn = try send(body, &sent, connection)
    var rounds: Int64 = 0
    while isGoingOn, !tail.isEmpty, rounds < tailTimes ?? .max {
      isGoingOn = try send(tail, &sent, connection)
      rounds += 1
    }
    if route.isChunked, isGoingOn { try connection.send(raw: Array("0\r\n\r\n".utf8)) }
    return false
  }

  /// Sends a piece within the route's rate; false when it is time to cut.
  private func send(_ bytes: [UInt8], _ sent: inout Int64, _ connection: HTTPServerConnection) throws -> Bool {
    var rest = bytes[...]
    // A tenth of a second's worth at a time.
    let step = route.rate.map { max(1, Int($0 / 10)) } ?? 64 << 10
    while !rest.isEmpty {
      var piece = rest.prefix(step)
      if let cut = route.cut { piece = piece.prefix(Int(max(0, cut - sent))) }
      if piece.isEmpty { return false }
      if route.isChunked {
        let size = String(piece.count, radix: 16)
        try connection.send(raw: Array("\(size)\r\n".utf8) + piece + Array("\r\n".utf8))
      } else {
        try connection.send(raw: Array(piece))
      }
      sent += Int64(piece.count)
      rest = rest.dropFirst(piece.count)
      if let rate = route.rate { usleep(rate < 10 ? UInt32(1_000_000 / max(1, rate)) : 100_000) }
    }
    return route.cut.map { sent < $0 } ?? true
  }
}

private struct ConnectionBox: @unchecked Sendable {
  let connection: HTTPServerConnection
}
