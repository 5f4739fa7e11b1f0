internal import Glibc
internal import LinuxKernel

/// The files of one container's log, read in the order they were written although the writer may rotate meanwhile.
struct LogFiles: ~Copyable {
  private let directory: Int32
  /// The file being read.
  private(set) var current: OwnedDescriptor?
  private var inode: UInt64 = 0
  /// Files still to be read before the current one of the writer, oldest last.
  private var waiting: [Int32] = []

  /// - Parameter directory: the container's directory; stays the caller's.
  init(directory: Int32) { self.directory = directory }

  deinit { for descriptor in waiting { close(descriptor) } }

  private static func name(_ index: Int) -> String {
    index == 0 ? LogConfiguration.fileName : "\(LogConfiguration.fileName).\(index)"
  }

  private func open(_ index: Int) throws(SystemError) -> (descriptor: Int32, inode: UInt64)? {
    do throws(SystemError) {
      let file = try File.open(at: directory, Self.name(index), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
      let status = try File.status(file.raw)
      guard status.kind == .regular else { return nil }
      return (file.take(), status.inode)
    } catch {
      if error.errno == ENOENT || error.errno == ELOOP { return nil }
      throw error
    }
  }

  /// Opens all files, the newest first, so that a rotation in between shows one twice and hides none.
  /// - Parameter tail: entries wanted, counted from the end; nil for all.
  mutating func begin(tail: Int?) throws(SystemError) {
    var files: [(descriptor: Int32, inode: UInt64)] = []
    var left = tail
    for index in 0..<LogConfiguration.maxFilesLimit {
      if let left, left <= 0, !files.isEmpty { break }
      guard let file = try open(index) else {
        if index == 0 { continue }
        break
      }
      if files.contains(where: { $0.inode == file.inode }) {
        close(file.descriptor)
        continue
      }
      files.append(file)
      if let wanted = left { left = wanted - Self.seek(file.descriptor, back: wanted) }
    }
    waiting = files.map(\.descriptor)
    _ = try next()
  }

  /// Goes on to the next file; false when the current one is the writer's newest, or none exists yet.
  mutating func next() throws(SystemError) -> Bool {
    if let descriptor = waiting.popLast() {
      inode = try File.status(descriptor).inode
      current = OwnedDescriptor(owning: descriptor)
      return true
    }
    guard let newest = try open(0) else { return false }
    guard newest.inode != inode else {
      close(newest.descriptor)
      return false
    }
    // Rotated since: everything newer than the file we have read comes before the newest one, from the back.
    var files = [newest]
    if current != nil {
      for index in 1..<LogConfiguration.maxFilesLimit {
        guard let file = try open(index) else { break }
        if file.inode == inode || files.contains(where: { $0.inode == file.inode }) {
          close(file.descriptor)
          if file.inode == inode { break }
          continue
        }
        files.append(file)
      }
    }
    waiting = files.map(\.descriptor)
    return try next()
  }

  /// True when the writer has begun a newer file than the one being read.
  func isRotated() -> Bool {
    if !waiting.isEmpty { return true }
    var status = stat()
    return fstatat(directory, LogConfiguration.fileName, &status, AT_SYMLINK_NOFOLLOW) == 0
      && UInt64(status.st_ino) != inode
  }

  /// Sets the position before the last `wanted` lines; answers how many there are up to that.
  private static func seek(_ descriptor: Int32, back wanted: Int) -> Int {
    let size = lseek(descriptor, 0, SEEK_END)
    guard size > 0 else { return 0 }
    let block = 65_536
    var buffer = [UInt8](repeating: 0, count: block)
    var end = Int(size)
    var found = 0
    while end > 0 {
      let start = max(0, end - block)
      let got = pread(descriptor, &buffer, end - start, off_t(start))
      if got <= 0 { break }
      var index = got
      while index > 0 {
        index -= 1
        guard buffer[index] == 0x0A, start + index != Int(size) - 1 else { continue }
        found += 1
        if found == wanted || wanted == 0 {
          lseek(descriptor, wanted == 0 ? size : off_t(start + index + 1), SEEK_SET)
          return found
        }
      }
      end = start
    }
    lseek(descriptor, wanted == 0 ? size : 0, SEEK_SET)
    return found + 1
  }
}
