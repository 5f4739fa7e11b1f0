// Files outside a target that must be the same after an attack as before it.
internal import Glibc

/// A directory with a target in it and canaries around it: beside, above and below what hostile names and links point
/// to.
package final class CanaryTree {
  /// What is known of a canary: all that an attack could change but the time of access.
  private struct State: Equatable {
    var mode: UInt32
    var uid: UInt32
    var gid: UInt32
    var inode: UInt64
    var links: UInt64
    var mtimeSeconds: Int
    var mtimeNanoseconds: Int
    var content: [UInt8]
  }

  /// The whole; removed when the object goes.
  package let root: String
  /// An empty directory for what is under test.
  package let target: String
  private var states: [String: State] = [:]

  /// Absolute paths of canaries that exist for attacks to aim at: a secret file, and an executable.
  package var secret: String { root + "/outside/secret" }

  package init() throws {
    root = try makeTemporaryDirectory("dhow-canary", mode: 0o755)
    target = root + "/inside/target"
    for directory in ["outside", "outside/deep", "inside", "inside/target", "inside/sibling", "etc"] {
      try makeDirectory("\(root)/\(directory)")
    }
    let files = [
      "secret", "outside/secret", "outside/deep/file", "inside/secret", "inside/sibling/file", "etc/passwd", "passwd",
      "x",
    ]
    for file in files { try write("canary \(file)\n", to: "\(root)/\(file)", mode: 0o640) }
    guard Glibc.symlink("outside", root + "/link") == 0 else { throw FixtureError("symlink: \(lastError())") }
    for path in try walk() { states[path] = try state(path) }
  }

  deinit {
    // A failure to clean must not hide the test's own outcome.
    _ = try? run(["rm", "-rf", "--", root])
  }

  /// What differs from the beginning, a line each; empty if all canaries are unharmed. What is in the target does not
  /// count.
  package func damages() throws -> [String] {
    var result: [String] = []
    let now = Set(try walk())
    for path in now.subtracting(states.keys).sorted() { result.append("\(path) is new") }
    for (path, before) in states.sorted(by: { $0.key < $1.key }) {
      guard now.contains(path) else {
        result.append("\(path) is gone")
        continue
      }
      if try state(path) != before { result.append("\(path) is changed") }
    }
    return result
  }

  /// All paths but those of the target's content, links not followed.
  private func walk() throws -> [String] {
    var found: [String] = []
    func visit(_ path: String) {
      for name in names(in: path) {
        let child = path + "/" + name
        if child == target { continue }
        found.append(child)
        var status = stat()
        if lstat(child, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { visit(child) }
      }
    }
    visit(root)
    return found
  }

  private func state(_ path: String) throws -> State {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw FixtureError("\(path): \(lastError())") }
    let isFile = status.st_mode & S_IFMT == S_IFREG
    return State(
      mode: status.st_mode, uid: status.st_uid, gid: status.st_gid, inode: UInt64(status.st_ino),
      links: UInt64(status.st_nlink),
      mtimeSeconds: status.st_mtim.tv_sec, mtimeNanoseconds: status.st_mtim.tv_nsec,
      content: isFile ? try readBytes(path) : [])
  }
}
