import Basics
import Glibc
import HTTP
import LinuxKernel
import OCI
import Registry
import Synchronization
import TestSupport
import Testing

/// Uploads that break off or are too large, against a registry that takes them as the distribution specification says
/// (end-4 to end-6, end-13).
struct UploadTests {
  /// A registry of one upload.
  private final class Receiver: Sendable {
    let bytes = Mutex<[UInt8]>([])
    /// Requests of more bytes than this get 413; nil takes all.
    let most: Int?
    /// The so-manieth request with a body is cut after half of it.
    let cut: Set<Int>
    let bodies = Mutex(0)

    init(most: Int? = nil, cut: Set<Int> = []) {
      self.most = most
      self.cut = cut
    }

    func answer(_ request: SeenRequest) -> ScriptedAnswer {
      switch request.method {
      case "HEAD": return .text(404, "")
      case "POST": return .text(202, "", progress)
      case "GET": return .text(204, "", progress)
      case "PATCH", "PUT": return take(request)
      default: return .text(404, "")
      }
    }

    private var progress: [(String, String)] {
      [("Location", "/upload"), ("Range", "0-\(max(0, bytes.withLock { $0.count } - 1))")]
    }

    private func take(_ request: SeenRequest) -> ScriptedAnswer {
      if let most, request.body.count > most { return .text(413, "") }
      let count = bytes.withLock { $0.count }
      if let range = request.headers["content-range"], !range.hasPrefix("\(count)-") {
        return .text(416, "", progress)
      }
      if !request.body.isEmpty {
        let number = bodies.withLock { count in
          count += 1
          return count
        }
        if cut.contains(number) {
          bytes.withLock { $0 += request.body.prefix(request.body.count / 2) }
          return .hangUp
        }
      }
      bytes.withLock { $0 += request.body }
      guard request.method == "PUT" else { return .text(202, "", progress) }
      let digest = bytes.withLock { SHA256Stream.digest($0) }
      guard request.target.contains(percentEncoded(digest.description)) || request.target.contains("\(digest)") else {
        return .text(400, #"{"errors":[{"code":"DIGEST_INVALID","message":"other bytes"}]}"#)
      }
      return .text(201, "", [("Docker-Content-Digest", digest.description)])
    }
  }

  private func upload(_ bytes: [UInt8], to receiver: Receiver, chunk: Int64? = nil) throws -> ScriptedServer {
    let server = try ScriptedServer { request, _ in receiver.answer(request) }
    let directory = try makeTemporaryDirectory("upload")
    defer { _ = try? run(["rm", "-rf", directory]) }
    try write(bytes, to: directory + "/blob")
    let file = try File.open(directory + "/blob", O_RDONLY)
    let outcome = try client(server, actions: [.pull, .push]).uploadBlob(
      SHA256Stream.digest(bytes), size: Int64(bytes.count), file: file.raw, chunk: chunk)
    #expect(outcome == .uploaded)
    return server
  }

  @Test(arguments: [nil, 40_000 as Int64])
  func `an upload that is cut goes on where the registry stands`(chunk: Int64?) throws {
    let bytes = pattern(100_000)
    let receiver = Receiver(cut: [1, 2])
    let server = try upload(bytes, to: receiver, chunk: chunk)
    #expect(receiver.bytes.withLock { $0 } == bytes)
    // A byte that arrived is not sent again, but for the half of a request that was on its way.
    let sent = server.requests.reduce(0) { $0 + $1.body.count }
    #expect(sent < 2 * bytes.count, "\(sent)")
    #expect(server.requests.filter { $0.method == "POST" }.count == 1, "one upload, taken up again")
    #expect(server.requests.contains { $0.method == "PATCH" && $0.headers["content-range"]?.hasPrefix("0-") == false })
  }

  @Test func `a registry that takes less at once gets less`() throws {
    let bytes = pattern(5 << 20)
    let receiver = Receiver(most: 3 << 19)
    let server = try upload(bytes, to: receiver)
    #expect(receiver.bytes.withLock { $0 } == bytes)
    #expect(server.requests.map(\.body.count).max() == bytes.count, "all at once is tried first")
  }

  @Test func `a registry that takes next to nothing is told of`() throws {
    let error = #expect(throws: RegistryError.self) {
      try upload(pattern(5 << 20), to: Receiver(most: 1000))
    }
    #expect(error?.status == 413 && error?.hint?.contains("limit") == true)
  }

  @Test func `an upload that always breaks ends`() throws {
    let error = #expect(throws: RegistryError.self) {
      let server = try ScriptedServer { request, _ in
        switch request.method {
        case "HEAD": .text(404, "")
        case "POST": .text(202, "", [("Location", "/upload")])
        default: .hangUp
        }
      }
      let file = try File.open("/proc/self/exe", O_RDONLY)
      _ = try client(server, actions: [.pull, .push]).uploadBlob(
        SHA256Stream.digest([1]), size: 100_000, file: file.raw)
    }
    #expect(error?.kind == .unavailable)
  }
}
