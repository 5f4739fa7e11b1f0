package import Basics
internal import Glibc

/// The scripted registry and token service of Tests/RegistryDouble, as a process of its own on a free loopback port.
package final class RegistryDouble {
  package let port: UInt16
  private let process: ChildProcess
  private let directory: String

  /// A request it saw.
  package struct Request: Sendable {
    package var method: String
    package var target: String
    /// Names in lower case.
    package var headers: [(String, String)]
    package var body: String
    package var length: Int64

    package func header(_ name: String) -> String? { headers.first { $0.0 == name }?.1 }
    /// The target without its query.
    package var path: String { String(target.prefix { $0 != "?" }) }
  }

  /// - Parameters:
  ///   - routes: what it answers; see Tests/RegistryDouble/Scenario.swift.
  ///   - token: the token service, if it is to be one.
  package init(routes: [JSON] = [], token: JSON? = nil, tls: TestAuthority.Identity? = nil) throws {
    directory = try makeTemporaryDirectory("double", mode: 0o755)
    var builder = JSONBuilder()
    builder.set("record", directory + "/record")
    if let tls { builder.set("tls", ["certificate": .string(tls.certificate), "key": .string(tls.key)] as JSON) }
    builder.set("token", token)
    builder.set("routes", .array(routes))
    try write(builder.json.bytes(), to: directory + "/scenario.json")
    try write("", to: directory + "/record")
    process = try ChildProcess([builtProgram("registry-double"), directory + "/scenario.json"])
    guard process.waitForOutput("\n"), let port = UInt16(text(process.output).dropFirst("listening ".count)) else {
      throw FixtureError("registry-double does not listen: \(text(process.errors))")
    }
    self.port = port
  }

  deinit {
    process.signal(SIGKILL)
    _ = process.wait(timeout: 5)
    // A directory that stays in /var/tmp harms no test.
    _ = try? run(["rm", "-rf", directory])
  }

  /// `127.0.0.1:PORT`.
  package var authority: String { "127.0.0.1:\(port)" }

  /// What it was asked so far, in order.
  package func requests() throws -> [Request] {
    try readText(directory + "/record").split(separator: "\n").map { line in
      let fields = try JSONFields(JSON(parsing: String(line)), "record")
      return Request(
        method: try fields.string("method"), target: try fields.string("target"), headers: try fields.pairs("headers"),
        body: try fields.optionalString("body") ?? "", length: try fields.optionalInteger("length") ?? 0)
    }
  }
}

private func text(_ bytes: [UInt8]) -> String {
  String(decoding: bytes.last == 0x0A ? bytes.dropLast() : bytes[...], as: UTF8.self)
}

/// A program that SwiftPM built beside the test bundle.
package func builtProgram(_ name: String) throws -> String {
  let candidates = [linkTarget("/proc/self/exe") ?? ""] + CommandLine.arguments
  for candidate in candidates {
    guard let slash = candidate.lastIndex(of: "/") else { continue }
    let beside = candidate[..<slash] + "/" + name
    if access(String(beside), X_OK) == 0 { return String(beside) }
  }
  throw FixtureError("\(name) is not beside \(candidates[0]); swift build makes it")
}
