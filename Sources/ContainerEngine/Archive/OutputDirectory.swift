internal import Basics
internal import Glibc
internal import LinuxKernel

/// A directory of the caller's that images are written into: new or empty, and after a failure as it was.
final class OutputDirectory {
  private let descriptor: OwnedDescriptor
  private let path: String
  private let isNew: Bool
  /// What was made in it, the first first.
  private var made: [(path: String, isDirectory: Bool)] = []

  /// - Throws: `alreadyExists` when it holds something, or is no directory.
  init(_ path: String, doing: String) throws {
    self.path = path
    isNew = try File.ensureDirectory(path, mode: 0o755)
    do throws(SystemError) {
      descriptor = try File.openDirectory(path, followLink: true)
    } catch {
      guard error.errno == ENOTDIR else { throw error }
      throw EngineError(.alreadyExists, doing, "\(safeText(path)) is there and is no directory", hint: "-o DIRECTORY")
    }
    guard try File.list(descriptor.raw, shown: path).isEmpty else {
      throw EngineError(
        .alreadyExists, doing, "the directory \(safeText(path)) is not empty",
        hint: "name a new or an empty one with -o")
    }
  }

  func makeDirectory(_ name: String) throws(SystemError) {
    try File.makeDirectory(at: descriptor.raw, name, mode: 0o755, shown: "\(path)/\(name)")
    made.append((name, true))
  }

  /// A new file, for writing.
  func create(_ name: String) throws(SystemError) -> OwnedDescriptor {
    let file = try File.open(
      at: descriptor.raw, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644, shown: "\(path)/\(name)")
    made.append((name, false))
    return file
  }

  /// What cannot be removed stays: the error that led here is the one to tell.
  func removeWhatWasWritten() {
    for entry in made.reversed() {
      _ = unlinkat(descriptor.raw, entry.path, entry.isDirectory ? AT_REMOVEDIR : 0)
    }
    if isNew { _ = rmdir(path) }
  }
}
