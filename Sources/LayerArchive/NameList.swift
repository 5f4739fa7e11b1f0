// The names in a directory as bytes.
internal import Glibc
internal import LinuxKernel

/// The names in one directory, without `.` and `..`: C strings in one piece of memory that lives as long as the list.
final class NameList {
  private var storage: UnsafeMutablePointer<CChar>
  private var capacity = 4096
  private var used = 0
  private var starts: [Int] = []
  /// d_type of each name: DT_UNKNOWN where the filesystem does not tell.
  private var types: [UInt8] = []

  /// Reads the directory; the descriptor's own position is not touched.
  init(_ directory: Int32, shown: String) throws(SystemError) {
    storage = .allocate(capacity: capacity)
    let copy = try File.open(at: directory, ".", O_RDONLY | O_DIRECTORY, shown: shown)
    guard let stream = fdopendir(copy.raw) else { throw SystemError("opendir", shown) }
    _ = copy.take()
    defer { closedir(stream) }
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw SystemError("readdir", shown) }
        return
      }
      withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { append($0, type: entry.pointee.d_type) }
      }
    }
  }

  deinit { storage.deallocate() }

  private func append(_ name: UnsafePointer<CChar>, type: UInt8) {
    if name[0] == 0x2E, name[1] == 0 || (name[1] == 0x2E && name[2] == 0) { return }
    let length = strlen(name) + 1
    if used + length > capacity {
      let larger = UnsafeMutablePointer<CChar>.allocate(capacity: max(capacity * 2, used + length))
      larger.update(from: storage, count: used)
      storage.deallocate()
      (storage, capacity) = (larger, max(capacity * 2, used + length))
    }
    memcpy(storage + used, name, length)
    starts.append(used)
    types.append(type)
    used += length
  }

  var count: Int { starts.count }

  func name(_ index: Int) -> UnsafePointer<CChar> { UnsafePointer(storage + starts[index]) }

  func isDirectory(_ index: Int) -> Bool { types[index] == UInt8(DT_DIR) }

  /// Orders the names by their bytes.
  func sort() {
    let base = storage
    let order = starts.indices.sorted { strcmp(base + starts[$0], base + starts[$1]) < 0 }
    (starts, types) = (order.map { starts[$0] }, order.map { types[$0] })
  }
}

/// A C string's bytes without its end.
func bytes(of name: UnsafePointer<CChar>) -> [UInt8] {
  Array(UnsafeRawBufferPointer(start: name, count: strlen(name)))
}

/// A C string for people.
func shown(_ name: UnsafePointer<CChar>) -> String { shownPath(bytes(of: name)) }
