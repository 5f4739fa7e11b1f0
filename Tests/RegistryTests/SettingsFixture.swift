import HTTP
import OCI
import TestSupport

@testable import Registry

/// A home and a system of settings files in a temporary directory.
final class SettingsFixture {
  let directory: String
  var environment: RegistryEnvironment

  init(_ files: [String: String] = [:], variables: [String: String] = [:], uid: UInt32 = 1000) throws {
    directory = try makeTemporaryDirectory("rc")
    environment = RegistryEnvironment(
      variables: variables, home: directory + "/home", uid: uid, systemRoot: directory)
    try makeDirectory(directory + "/home")
    for (path, text) in files { try add(path, text) }
  }

  deinit {
    // What is left of a test's directory harms nobody.
    _ = try? run(["rm", "-rf", directory])
  }

  func add(_ path: String, _ text: String, mode: UInt32 = 0o644) throws {
    let parts = path.split(separator: "/")
    try makeDirectory(directory + "/" + parts.dropLast().joined(separator: "/"))
    try write(text, to: directory + "/" + path, mode: mode)
  }

  func text(_ path: String) throws -> String { try readText(directory + "/" + path) }

  func configuration(_ options: RegistryOptions = RegistryOptions()) throws -> RegistryConfiguration {
    try RegistryConfiguration(environment, options: options)
  }

  /// The endpoints of an image as `host/path`, with `!` for insecure and `~` for a mirror.
  func endpoints(
    _ name: String, _ purpose: RegistryPurpose = .pull, options: RegistryOptions = RegistryOptions()
  ) throws -> [String] {
    try configuration(options).endpoints(for: Reference(parsing: name), purpose).map {
      ($0.isMirror ? "~" : "") + "\($0.base.authority)/\($0.repository)" + ($0.isInsecure ? "!" : "")
    }
  }
}

let digest = "sha256:" + String(repeating: "a", count: 64)
