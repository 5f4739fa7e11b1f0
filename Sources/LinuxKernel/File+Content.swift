internal import CLinux
internal import Glibc

/// One name in a directory.
package struct DirectoryEntry: Sendable {
  /// As text; a name that is not UTF-8 is repaired, so walks of foreign trees use bytes instead.
  package var name: String
  /// False also when the filesystem does not tell.
  package var isDirectory: Bool
}

extension File {
  /// Reads up to `count` bytes into `buffer`; 0 is the end.
  package static func read(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, shown: String = ""
  ) throws(SystemError) -> Int {
    try systemCall("read", shown) { Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
  }

  package static func writeAll(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, shown: String = ""
  ) throws(SystemError) {
    var written = 0
    while written < bytes.count {
      written += try systemCall("write", shown) {
        Glibc.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      }
    }
  }

  package static func writeAll(_ descriptor: Int32, _ bytes: [UInt8], shown: String = "") throws(SystemError) {
    let outcome: Result<Void, SystemError> = bytes.withUnsafeBytes { buffer in
      do throws(SystemError) { return .success(try writeAll(descriptor, buffer, shown: shown)) } catch {
        return .failure(error)
      }
    }
    try outcome.get()
  }

  /// The whole content of a descriptor. More than `limit` bytes is EFBIG: nothing from outside is read without a bound.
  package static func readAll(_ descriptor: Int32, limit: Int, shown: String = "") throws(SystemError) -> [UInt8] {
    var size = stat()
    let known = fstat(descriptor, &size) == 0 ? Int(size.st_size) : 0
    if known > limit { throw SystemError("read", shown, errno: EFBIG) }
    var bytes = [UInt8](repeating: 0, count: max(known + 1, 512))
    var filled = 0
    while true {
      let got = try systemCall("read", shown) {
        bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress.map { $0 + filled }, $0.count - filled) }
      }
      if got == 0 { break }
      filled += got
      if filled > limit { throw SystemError("read", shown, errno: EFBIG) }
      if filled == bytes.count { bytes.append(contentsOf: repeatElement(0, count: bytes.count)) }
    }
    bytes.removeLast(bytes.count - filled)
    return bytes
  }

  /// The whole content of a file; see `readAll(_:limit:shown:)`.
  package static func readAll(
    at directory: Int32 = workingDirectory, _ path: String, limit: Int, shown: String? = nil
  ) throws(SystemError) -> [UInt8] {
    let file = try open(at: directory, path, O_RDONLY, shown: shown)
    return try readAll(file.raw, limit: limit, shown: shown ?? path)
  }

  /// `readAll`, nil when the file does not exist.
  package static func readAllIfPresent(
    at directory: Int32 = workingDirectory, _ path: String, limit: Int, shown: String? = nil
  ) throws(SystemError) -> [UInt8]? {
    do throws(SystemError) { return try readAll(at: directory, path, limit: limit, shown: shown) } catch {
      if error.errno == ENOENT { return nil }
      throw error
    }
  }

  /// The names in a directory, without `.` and `..`, in no order. The descriptor's own position is not touched.
  package static func list(_ directory: Int32, shown: String = "") throws(SystemError) -> [DirectoryEntry] {
    let copy = try open(at: directory, ".", O_RDONLY | O_DIRECTORY, shown: shown)
    guard let stream = fdopendir(copy.raw) else { throw SystemError("opendir", shown) }
    _ = copy.take()
    defer { closedir(stream) }
    var entries: [DirectoryEntry] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw SystemError("readdir", shown) }
        return entries
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." { continue }
      entries.append(DirectoryEntry(name: name, isDirectory: entry.pointee.d_type == UInt8(DT_DIR)))
    }
  }

  /// The names in a directory given by path; empty when it does not exist.
  package static func listIfPresent(
    at directory: Int32 = workingDirectory, _ path: String
  ) throws(SystemError) -> [DirectoryEntry] {
    do throws(SystemError) {
      let opened = try openDirectory(at: directory, path)
      return try list(opened.raw, shown: path)
    } catch {
      if error.errno == ENOENT { return [] }
      throw error
    }
  }
}
