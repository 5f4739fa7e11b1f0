package import Basics
package import Dockerfile
internal import Glibc
package import LinuxKernel
internal import OCI
package import Storage

/// The directory of files that a build may take from; files are looked at only when an instruction names them.
package final class BuildContext {
  package static let ignoreFiles = [".dockerignore", ".containerignore"]

  let source: SourceRoot?
  /// Names this context in the store: its place, never its content.
  package let identity: String
  /// What its ignore file names.
  package let ignored: IgnorePatterns

  /// - Parameters:
  ///   - directory: nil for a Dockerfile from standard input, which has no files.
  ///   - identity: the absolute path, or what else stays the same from build to build.
  ///   - ignored: what its ignore file names.
  package init(
    _ directory: consuming OwnedDescriptor?, identity: String, ignored: IgnorePatterns, store: StateDirectory
  ) throws(EngineError) {
    self.identity = SHA256Stream.hex(Array(identity.utf8))
    self.ignored = ignored
    guard let opened = directory.take() else {
      source = nil
      return
    }
    let hashes = FileHashCache(store, name: self.identity)
    do throws(SystemError) {
      source = try SourceRoot(
        opened, name: "the build context", isContext: true, ignored: ignored, hashes: hashes)
    } catch { throw error.engineError("opening the build context") }
  }

  /// Keeps the hashes of files for the next build.
  func save() {
    // Without them the next build is slower, and that is all.
    try? source?.hashes?.save()
  }
}
