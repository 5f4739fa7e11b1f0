// One entry of a tar stream, as its headers say.

/// A stretch of a sparse file that is stored; the rest is zeros.
struct SparseExtent: Equatable {
  var offset: Int64
  var count: Int64
}

/// One entry of a tar stream. Names are bytes: tar has no character set, and nothing here gives it one.
package struct TarEntry {
  package enum Kind: Sendable { case regular, hardLink, symlink, character, block, directory, fifo }

  package internal(set) var kind = Kind.regular
  /// The name as written: not cleaned, perhaps absolute, perhaps hostile.
  package internal(set) var path: [UInt8] = []
  /// Of a hard or symbolic link, as written.
  package internal(set) var linkTarget: [UInt8] = []
  /// Permission bits with setuid, setgid and sticky.
  package internal(set) var mode: UInt32 = 0
  package internal(set) var uid: Int64 = 0
  package internal(set) var gid: Int64 = 0
  /// Bytes of the file's content, holes included; 0 for what is no regular file.
  package internal(set) var size: Int64 = 0
  package internal(set) var mtimeSeconds: Int64 = 0
  package internal(set) var mtimeNanoseconds: Int32 = 0
  package internal(set) var deviceMajor: Int64 = 0
  package internal(set) var deviceMinor: Int64 = 0
  package internal(set) var attributes: [(name: [UInt8], value: [UInt8])] = []
  /// Bytes of content in the archive.
  var storedSize: Int64 = 0
  /// The stored parts of a sparse file; nil when all of it is stored.
  var extents: [SparseExtent]?

  package init() {}

  mutating func reset() {
    kind = .regular
    path.removeAll(keepingCapacity: true)
    linkTarget.removeAll(keepingCapacity: true)
    (mode, uid, gid, size, storedSize) = (0, 0, 0, 0, 0)
    (mtimeSeconds, mtimeNanoseconds, deviceMajor, deviceMinor) = (0, 0, 0, 0)
    attributes.removeAll(keepingCapacity: true)
    extents = nil
  }
}

extension TarEntry {
  /// An entry to be written.
  package init(
    _ kind: Kind, _ path: [UInt8], mode: UInt32, uid: Int64 = 0, gid: Int64 = 0, size: Int64 = 0,
    mtimeSeconds: Int64 = 0,
    linkTarget: [UInt8] = []
  ) {
    self.kind = kind
    self.path = path
    self.mode = mode
    self.uid = uid
    self.gid = gid
    self.size = size
    self.mtimeSeconds = mtimeSeconds
    self.linkTarget = linkTarget
  }
}

extension TarEntry {
  /// False for a sparse file, whose content is not all in the archive.
  package var isStoredWhole: Bool { extents == nil }
}
