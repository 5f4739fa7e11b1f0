internal import Basics
package import Dockerfile
internal import Glibc
internal import LinuxKernel
internal import Storage

/// The two files of a context that are read whatever COPY names.
package enum BuildContextFiles {
  /// What the ignore file of a directory names: `<Dockerfile>.dockerignore`, `.dockerignore` or `.containerignore`.
  /// - Parameter dockerfile: its path below the directory.
  package static func ignored(in directory: Int32, dockerfile: String?) throws -> IgnorePatterns {
    for name in [dockerfile.map { $0 + ".dockerignore" }].compactMap({ $0 }) + BuildContext.ignoreFiles {
      if let bytes = try read(name, in: directory) { return try IgnorePatterns(parsing: bytes, name: name) }
    }
    return IgnorePatterns()
  }

  /// The first of the usual names that is there.
  package static let dockerfileNames = ["Dockerfile", "Containerfile"]

  /// A file of the context, links inside of it followed; nil when it is not there.
  package static func read(_ path: String, in directory: Int32) throws -> [UInt8]? {
    do throws(SystemError) {
      let file = try File.openInRoot(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, shown: path)
      guard try File.status(file.raw).kind == .regular else { throw SystemError("open", path, errno: EINVAL) }
      return try File.readAll(file.raw, limit: DockerfileLimits.fileBytes, shown: path)
    } catch {
      if error.errno == ENOENT { return nil }
      throw error
    }
  }
}
