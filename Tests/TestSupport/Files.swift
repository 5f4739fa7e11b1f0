internal import Glibc

/// The whole of a file, or nil. Never throws: the test library walks the stack at every throw, which costs milliseconds, and
/// most of /proc cannot be read at one moment or another.
package func bytesIfReadable(_ path: String, limit: Int = 1 << 30) -> [UInt8]? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = read(descriptor, &buffer, buffer.count)
    if count < 0, errno == EINTR { continue }
    guard count >= 0, bytes.count <= limit else { return nil }
    if count == 0 { return bytes }
    bytes += buffer[..<count]
  }
}

/// The whole of a small file.
package func readBytes(_ path: String, limit: Int = 1 << 30) throws -> [UInt8] {
  guard let bytes = bytesIfReadable(path, limit: limit) else { throw FixtureError("reading \(path): \(lastError())") }
  return bytes
}

package func readText(_ path: String) throws -> String {
  String(decoding: try readBytes(path), as: UTF8.self)
}

/// Makes or replaces a file; `mode` is set whatever the umask.
package func write(_ bytes: some Sequence<UInt8>, to path: String, mode: UInt32 = 0o644) throws {
  let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
  guard descriptor >= 0 else { throw FixtureError("writing \(path): \(lastError())") }
  defer { close(descriptor) }
  var rest = Array(bytes)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { throw FixtureError("writing \(path): \(lastError())") }
    rest = rest.dropFirst(count)
  }
  guard fchmod(descriptor, mode) == 0 else { throw FixtureError("writing \(path): \(lastError())") }
}

package func write(_ text: String, to path: String, mode: UInt32 = 0o644) throws {
  try write(Array(text.utf8), to: path, mode: mode)
}

/// Makes a directory and its missing parents.
package func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws {
  if mkdir(path, mode) == 0 { return }
  if errno == EEXIST { return }
  guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
    throw FixtureError("making \(path): \(lastError())")
  }
  try makeDirectory(String(path[..<slash]))
  guard mkdir(path, mode) == 0 || errno == EEXIST else { throw FixtureError("making \(path): \(lastError())") }
}

package func exists(_ path: String) -> Bool {
  var status = stat()
  return lstat(path, &status) == 0
}

/// Where a symbolic link points; nil if it cannot be read.
package func linkTarget(_ path: String) -> String? {
  var buffer = [CChar](repeating: 0, count: 4096)
  let count = readlink(path, &buffer, buffer.count)
  guard count >= 0 else { return nil }
  return String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// The names in a directory, sorted, without `.` and `..`; empty if it cannot be read.
package func names(in path: String) -> [String] {
  guard let directory = opendir(path) else { return [] }
  defer { closedir(directory) }
  var found: [String] = []
  while let entry = readdir(directory) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
      pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if name != ".", name != ".." { found.append(name) }
  }
  return found.sorted()
}

/// A new empty directory of mode `mode` below `/var/tmp`, which is on a disk with extended attributes where `/tmp` may be in
/// memory without. The name is short: unix sockets below it must fit in 107 bytes.
package func makeTemporaryDirectory(_ stem: String, mode: UInt32 = 0o700) throws -> String {
  var template = Array("/var/tmp/\(stem)-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw FixtureError("making a temporary directory: \(lastError())") }
  let path = template.withUnsafeBufferPointer {
    String(decoding: $0.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
  guard chmod(path, mode) == 0 else { throw FixtureError("chmod \(path): \(lastError())") }
  return path
}

/// Gives a file to an account; needs root unless it is the caller's own.
package func giveAway(_ path: String, to account: TestAccount) throws {
  guard account.uid != getuid() else { return }
  guard lchown(path, account.uid, account.gid) == 0 else { throw FixtureError("chown \(path): \(lastError())") }
}

/// The directory of the sources, from the place of this file.
package let sourceDirectory: String = {
  let parts = #filePath.split(separator: "/").dropLast(3)
  return "/" + parts.joined(separator: "/")
}()

func lastError() -> String { String(cString: strerror(errno)) }

/// Seconds on a clock that never jumps.
package func monotonicSeconds() -> Double {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}

/// Asks until the answer is yes or the time is over; for what another process does in its own time.
package func eventually(within seconds: Double = 30, _ condition: () throws -> Bool) rethrows -> Bool {
  let deadline = monotonicSeconds() + seconds
  while true {
    if try condition() { return true }
    if monotonicSeconds() > deadline { return false }
    usleep(10_000)
  }
}
