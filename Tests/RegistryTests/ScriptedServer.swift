import Basics
import Glibc
import HTTP
import Synchronization
import TestSupport

/// A request that reached a scripted server.
struct SeenRequest: Sendable {
  var method: String
  var target: String
  var headers: [String: String]
  var body: [UInt8]

  /// Path without the query.
  var path: String { String(target.prefix { $0 != "?" }) }
  var authorization: String? { headers["authorization"] }
}

/// What a scripted server says.
struct ScriptedAnswer: Sendable {
  var status = 200
  var headers: [(String, String)] = []
  var body: [UInt8] = []
  /// Send so many bytes of the body and cut the connection.
  var cutAfter: Int?
  /// Cut the connection without a word.
  var hangsUp = false

  static func text(_ status: Int, _ text: String, _ headers: [(String, String)] = []) -> ScriptedAnswer {
    ScriptedAnswer(status: status, headers: headers, body: Array(text.utf8))
  }

  static func bytes(_ bytes: [UInt8], _ headers: [(String, String)] = []) -> ScriptedAnswer {
    ScriptedAnswer(headers: headers, body: bytes)
  }

  static let hangUp = ScriptedAnswer(hangsUp: true)
}

/// A server on loopback that answers by a closure and remembers what it was asked. A thread per connection; only tests
/// have threads.
final class ScriptedServer: Sendable {
  let port: UInt16
  private let state: State

  private final class State: Sendable {
    let seen = Mutex<[SeenRequest]>([])
    let answer: @Sendable (SeenRequest, Int) -> ScriptedAnswer
    let stopped = Atomic<Bool>(false)
    init(_ answer: @escaping @Sendable (SeenRequest, Int) -> ScriptedAnswer) { self.answer = answer }
  }

  /// - Parameter answer: given the request and how many there were before it.
  init(_ answer: @escaping @Sendable (SeenRequest, Int) -> ScriptedAnswer) throws {
    let state = State(answer)
    self.state = state
    let server = try HTTPServer(.tcp(host: "127.0.0.1", port: 0))
    port = server.port
    let box = ServerBox(server)
    detachThread {
      while !state.stopped.load(ordering: .relaxed) {
        guard let connection = try? box.server.accept(timeout: .milliseconds(50)) else { continue }
        let client = ConnectionBox(connection)
        detachThread { Self.serve(client.connection, state) }
      }
    }
  }

  deinit { state.stopped.store(true, ordering: .relaxed) }

  private static func serve(_ connection: HTTPServerConnection, _ state: State) {
    while let request = try? connection.nextRequest() {
      let body = (try? request.readAll(limit: 64 << 20)) ?? []
      let headers = Dictionary(
        request.headers.fields.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { "\($0), \($1)" })
      let seen = SeenRequest(method: request.method, target: request.target, headers: headers, body: body)
      let count = state.seen.withLock { list in
        list.append(seen)
        return list.count - 1
      }
      let answer = state.answer(seen, count)
      if answer.hangsUp { return connection.close() }
      if let cut = answer.cutAfter {
        var head = "HTTP/1.1 \(answer.status) Word\r\nContent-Length: \(answer.body.count)\r\n"
        for (name, value) in answer.headers { head += "\(name): \(value)\r\n" }
        try? connection.send(raw: Array((head + "\r\n").utf8) + answer.body.prefix(cut))
        return connection.close()
      }
      var fields: HTTPHeaders = [:]
      for (name, value) in answer.headers { fields.add(name, value) }
      guard (try? request.respond(answer.status, fields, .bytes(answer.body))) != nil else { return }
    }
  }

  var requests: [SeenRequest] { state.seen.withLock { $0 } }
  var authority: String { "127.0.0.1:\(port)" }
}

private struct ServerBox: @unchecked Sendable {
  let server: HTTPServer
  init(_ server: HTTPServer) { self.server = server }
}

private struct ConnectionBox: @unchecked Sendable {
  let connection: HTTPServerConnection
  init(_ connection: HTTPServerConnection) { self.connection = connection }
}
