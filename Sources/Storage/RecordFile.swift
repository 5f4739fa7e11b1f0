package import Basics
internal import Glibc
package import LinuxKernel

/// Small JSON files, each replaced as a whole: a reader sees the old one or the new one and needs no lock.
package enum RecordFile {
  /// Bytes of a record at most (SECURITY E7); a usual one has 3000.
  package static let sizeLimit = 4 << 20

  /// Writes beside the file, then renames over it. The caller holds the lock of the object, or has the directory for
  /// itself: the temporary name is fixed, so that a dead writer's is used again instead of left behind.
  /// - Parameter durable: the record outlives a power cut once this returns. Records of `--rm` containers need not.
  package static func write(
    _ json: JSON, at directory: Int32, _ path: String, durable: Bool
  ) throws(SystemError) {
    let temporary = path + ".new"
    try create(json, at: directory, temporary, durable: durable)
    try faultPoint("store.record.written")
    try File.rename(at: directory, temporary, to: directory, path)
    try faultPoint("store.record.renamed")
    if durable { try syncParent(of: path, at: directory) }
  }

  /// Writes a file nobody looks at yet, without the detour over another name.
  package static func create(
    _ json: JSON, at directory: Int32, _ path: String, durable: Bool
  ) throws(SystemError) {
    let file = try File.open(at: directory, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
    try File.writeAll(file.raw, json.bytes(), shown: path)
    if durable { try File.sync(file.raw, shown: path) }
  }

  /// Makes renames and new names in the directory of `path` durable.
  package static func syncParent(of path: String, at directory: Int32) throws(SystemError) {
    guard let slash = path.lastIndex(of: "/") else {
      // A descriptor opened with O_PATH cannot be synced; ours are not.
      return try File.sync(directory)
    }
    let parent = try File.openDirectory(at: directory, String(path[..<slash]))
    try File.sync(parent.raw, shown: path)
  }

  /// The members of a record, nil when there is none.
  /// - Parameters:
  ///   - version: the newest schema version this program knows.
  ///   - subject: the record in words, such as "container 4f5e2b…".
  /// - Throws: `EngineError` of kind `corrupt` for a damaged record, `unsupported` for one of a newer program.
  package static func read(
    at directory: Int32, _ path: String, version: Int64, subject: @autoclosure () -> String
  ) throws(EngineError) -> JSONFields? {
    let bytes: [UInt8]
    do throws(SystemError) {
      guard let found = try readSmall(at: directory, path) else { return nil }
      bytes = found
    } catch { throw error.engineError("reading the record of \(subject())") }
    return try during("reading the record of \(subject())") {
      let fields = try JSONFields(try JSON(parsing: bytes), "record")
      let found = try fields.integer("version")
      guard found <= version else {
        throw EngineError(
          .unsupported, "reading the record of \(subject())",
          "it was written by a newer dhow (record version \(found), this program knows \(version))",
          hint: "use the newer dhow with this store")
      }
      return fields
    }
  }

  /// The whole of a small file in three system calls; nil when it, or a directory on the way, does not exist.
  static func readSmall(at directory: Int32, _ path: String) throws(SystemError) -> [UInt8]? {
    let descriptor = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else {
      let code = errno
      if code == ENOENT || code == ENOTDIR { return nil }
      throw SystemError("open", path, errno: code)
    }
    let file = OwnedDescriptor(owning: descriptor)
    let capacity = 16 << 10
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      let got = Glibc.read(descriptor, buffer.baseAddress, capacity)
      count = max(got, 0)
      failure = got < 0 ? errno : 0
    }
    if failure != 0 { throw SystemError("read", path, errno: failure) }
    // A regular file is read short only at its end.
    if bytes.count < capacity { return bytes }
    guard lseek(file.raw, 0, SEEK_SET) == 0 else { throw SystemError("seek", path) }
    return try File.readAll(file.raw, limit: sizeLimit, shown: path)
  }
}
