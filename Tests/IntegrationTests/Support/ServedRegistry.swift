import HTTP
import OCI
import TestSupport

/// `registry serve` on a store of a test, on a free port.
final class ServedRegistry {
  let process: ChildProcess
  let authority: String
  private let client = HTTPClient(HTTPClientSettings(idleTimeout: .seconds(20)))

  init(_ store: Store, _ options: String..., faults: [Fault] = []) throws {
    process = try store.start(["registry", "serve", "--listen", "127.0.0.1:0"] + options, faults: faults)
    guard process.waitForOutput("Serving images at http://") else {
      throw FixtureError("registry serve does not listen: \(process.wait(timeout: 1).description)")
    }
    let line = String(decoding: process.output, as: UTF8.self)
    authority = String(line.dropFirst("Serving images at http://".count).prefix { $0 != " " && $0 != "\n" })
  }

  struct Answer {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  /// One request of the distribution protocol; `target` may be a whole address, as in a `Location`.
  func ask(
    _ method: String, _ target: String, _ headers: [(String, String)] = [], _ body: [UInt8]? = nil
  ) throws -> Answer {
    var fields = HTTPHeaders()
    for (name, value) in headers { fields.add(name, value) }
    let address = try WebAddress(parsing: "http://" + authority).resolving(target)
    let response = try client.send(
      HTTPRequest(method, address, headers: fields, body: body.map { .bytes($0) } ?? .none))
    return Answer(status: response.status, headers: response.headers, body: try response.readAll(limit: 1 << 26))
  }

  /// Uploads a blob in the two requests that all clients use.
  @discardableResult
  func push(blob bytes: [UInt8], to repository: String) throws -> Digest {
    let digest = SHA256Stream.digest(bytes)
    let begun = try ask("POST", "/v2/\(repository)/blobs/uploads/")
    let location = (begun.headers.first("Location") ?? "") + "?digest=\(digest)"
    let done = try ask("PUT", location, [("Content-Type", "application/octet-stream")], bytes)
    guard begun.status == 202, done.status == 201 else { throw FixtureError("a push failed: \(done.text)") }
    return digest
  }
}

/// A small image made in memory: one layer with one file.
struct TinyImage {
  var layer: [UInt8]
  var config: [UInt8]
  var manifest: [UInt8]
  static let type = "application/vnd.oci.image.manifest.v1+json"

  /// - Parameter isCompressed: with gzip.
  init(_ content: String, architecture: String = "amd64", isCompressed: Bool = false) {
    var tar = TarBuilder()
    tar.file("hello", content)
    layer = tar.ended
    let diffID = SHA256Stream.digest(layer)
    // Without gzip there is no layer, and every test fails that wants one.
    if isCompressed { layer = (try? run(["gzip", "-nc"], input: layer).stdout) ?? [] }
    let type = "application/vnd.oci.image.layer.v1.tar" + (isCompressed ? "+gzip" : "")
    config = Array(
      #"{"architecture":"\#(architecture)","os":"linux","rootfs":{"type":"layers","diff_ids":["\#(diffID)"]}}"#.utf8)
    let configDigest = SHA256Stream.digest(config)
    manifest = Array(
      (#"{"schemaVersion":2,"mediaType":"\#(Self.type)","config":{"mediaType":"#
        + #""application/vnd.oci.image.config.v1+json","digest":"\#(configDigest)","size":\#(config.count)},"layers":["#
        + #"{"mediaType":"\#(type)","digest":"\#(SHA256Stream.digest(layer))","size":\#(layer.count)}]}"#)
        .utf8)
  }

  var digest: Digest { SHA256Stream.digest(manifest) }
}
