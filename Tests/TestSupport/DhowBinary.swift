internal import Glibc

/// The built program, copied to where every user can run it.
package enum DhowBinary {
  /// The copy: `/var/tmp/dhow-bin-XXXXXX/dhow`, removed when the test process ends. `$DHOW_BINARY` names another one to test.
  package static let path: String = {
    do {
      let built = try locate()
      let directory = try makeTemporaryDirectory("dhow-bin", mode: 0o755)
      temporaryDirectory = directory
      atexit { DhowBinary.removeCopy() }
      let copy = directory + "/dhow"
      try mustRun(["cp", "--", built, copy])
      try mustRun(["chmod", "0755", copy])
      return copy
    } catch {
      fatalError("no program to test: \(error)")
    }
  }()

  private nonisolated(unsafe) static var temporaryDirectory: String?

  private static func removeCopy() {
    guard let directory = temporaryDirectory else { return }
    unlink(directory + "/dhow")
    rmdir(directory)
  }

  /// Beside the test bundle, where SwiftPM puts every product of a build.
  private static func locate() throws -> String {
    if let chosen = environmentVariable("DHOW_BINARY") { return chosen }
    return try program("dhow")
  }

  /// A program of the package's, beside the test bundle.
  package static func program(_ name: String) throws -> String {
    let candidates = [linkTarget("/proc/self/exe") ?? ""] + CommandLine.arguments
    for candidate in candidates {
      guard let slash = candidate.lastIndex(of: "/") else { continue }
      let beside = candidate[..<slash] + "/" + name
      if access(String(beside), X_OK) == 0 { return String(beside) }
    }
    throw FixtureError("\(name) is not beside \(candidates[0]); swift build makes it")
  }
}
