// Names of archive entries, cleaned: the one place where an entry's name becomes a place below a directory.
internal import Basics
internal import Glibc

/// A cleaned path below a root: parent and name as two C strings in memory that is used again for the next entry.
///
/// The rule (SECURITY C1): a leading `/` means the root; empty parts and `.` are dropped; `x/..` is dropped by its
/// letters, without looking at the disk; `..` above the root is refused. Bytes are kept as they are.
final class ArchivePath {
  /// The parent's parts joined by `/`, a zero, the name, a zero.
  private let storage = UnsafeMutablePointer<CChar>.allocate(capacity: capacity)
  private static let capacity = 8192
  private var nameStart = 0
  /// Bytes of the whole path; 0 is the root itself.
  private(set) var count = 0
  private let limits: ArchiveLimits
  private let failure: ArchiveFailure

  init(limits: ArchiveLimits, failure: ArchiveFailure) {
    self.limits = limits
    self.failure = failure
    storage[0] = 0
  }

  deinit { storage.deallocate() }

  var isRoot: Bool { count == 0 }
  var parent: UnsafePointer<CChar> { UnsafePointer(storage) }
  /// Bytes of the parent; 0 is the root.
  var parentCount: Int { nameStart == 0 ? 0 : nameStart - 1 }
  var name: UnsafePointer<CChar> { UnsafePointer(storage + nameStart) }
  var nameCount: Int { count - nameStart }

  /// The whole path, without an end.
  var bytes: [UInt8] {
    var result = Array(UnsafeRawBufferPointer(start: storage, count: count))
    if nameStart > 0 { result[nameStart - 1] = UInt8(ascii: "/") }
    return result
  }

  var shown: String { shownPath(bytes) }

  func append(to list: inout [UInt8]) {
    list.append(contentsOf: UnsafeRawBufferPointer(start: storage, count: count))
    if nameStart > 0 { list[list.count - count + nameStart - 1] = UInt8(ascii: "/") }
  }

  /// Takes the name of an entry, or the target of a hard link.
  func set(_ raw: [UInt8]) throws {
    guard raw.count < min(Self.capacity, limits.pathBytes + 1) else {
      throw failure.limit("the name \(shownPath(raw)) has more than \(limits.pathBytes) bytes")
    }
    count = 0
    var depth = 0
    var position = 0
    while position < raw.count {
      let end = raw[position...].firstIndex(of: UInt8(ascii: "/")) ?? raw.count
      let length = end - position
      defer { position = end + 1 }
      if length == 0 || (length == 1 && raw[position] == 0x2E) { continue }
      if length == 2, raw[position] == 0x2E, raw[position + 1] == 0x2E {
        guard depth > 0 else { throw failure.corrupt("\(shownPath(raw)) leads out of the archive's root") }
        depth -= 1
        dropLast()
        continue
      }
      guard length <= limits.nameBytes else {
        throw failure.limit("a part of the name \(shownPath(raw)) has more than \(limits.nameBytes) bytes")
      }
      depth += 1
      if count > 0 {
        storage[count] = CChar(bitPattern: UInt8(ascii: "/"))
        count += 1
      }
      for index in 0..<length { storage[count + index] = CChar(bitPattern: raw[position + index]) }
      count += length
    }
    guard depth <= limits.depth else {
      throw failure.limit("\(shownPath(raw)) is more than \(limits.depth) levels deep")
    }
    split()
  }

  private func dropLast() {
    while count > 0, storage[count - 1] != CChar(bitPattern: UInt8(ascii: "/")) { count -= 1 }
    if count > 0 { count -= 1 }
  }

  private func split() {
    storage[count] = 0
    nameStart = count
    while nameStart > 0, storage[nameStart - 1] != CChar(bitPattern: UInt8(ascii: "/")) { nameStart -= 1 }
    if nameStart > 0 { storage[nameStart - 1] = 0 }
  }

  func isSame(as other: ArchivePath) -> Bool {
    count == other.count && nameStart == other.nameStart && memcmp(storage, other.storage, count) == 0
  }

  /// Whether the parent or a part of it begins with `.wh.`.
  var parentHoldsWhiteout: Bool {
    var position = 0
    while position < parentCount {
      if Self.hasWhiteoutPrefix(storage + position) { return true }
      while position < parentCount, storage[position] != CChar(bitPattern: UInt8(ascii: "/")) { position += 1 }
      position += 1
    }
    return false
  }

  /// Whether the first part is one of aufs's own names, `.wh..wh.plnk` and its like, which are no part of the image.
  var isAufsMetadata: Bool {
    strncmp(storage, ".wh..wh.", 8) == 0 && (nameStart > 0 || strcmp(storage, ".wh..wh..opq") != 0)
  }

  static func hasWhiteoutPrefix(_ name: UnsafePointer<CChar>) -> Bool { strncmp(name, ".wh.", 4) == 0 }
}
