import Glibc
import TestSupport

/// The distribution's own registry on a free loopback port, with its storage in a directory of its own.
final class DockerRegistry {
  let directory: String
  let port: UInt16
  private let process: ChildProcess

  /// - Parameter configuration: further lines of its YAML.
  init(_ configuration: String = "") throws {
    directory = try makeTemporaryDirectory("registry")
    port = try freePort()
    let path = directory + "/config.yml"
    try write(
      """
      version: 0.1
      log: {level: error, accesslog: {disabled: true}}
      storage:
        filesystem: {rootdirectory: \(directory)/data}
        delete: {enabled: true}
      http: {addr: "127.0.0.1:\(port)"}
      \(configuration)

      """, to: path)
    process = try ChildProcess(["docker-registry", "serve", path])
    let port = port
    guard eventually(within: 60, { isListening(port) }) else {
      throw FixtureError("docker-registry does not listen: \(String(decoding: process.errors, as: UTF8.self))")
    }
  }

  deinit {
    process.signal(SIGKILL)
    _ = process.wait(timeout: 5)
    _ = try? run(["rm", "-rf", directory])
  }

  var authority: String { "127.0.0.1:\(port)" }
}

private func freePort() throws -> UInt16 {
  let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(socket) }
  var address = loopback(0)
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let bound = withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
    }
  }
  guard bound else { throw FixtureError("no free port") }
  return UInt16(bigEndian: address.sin_port)
}

private func isListening(_ port: UInt16) -> Bool {
  let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(socket) }
  var address = loopback(port)
  return withUnsafePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
  }
}

private func loopback(_ port: UInt16) -> sockaddr_in {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = port.bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  return address
}
