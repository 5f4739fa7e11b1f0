// Whether an extracted layer is still what its blob says: `system check`.
internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// One difference between what a layer should be and what is on disk.
package struct LayerDamage: Equatable, Sendable {
  /// Without a leading slash, as bytes; empty for the root.
  package var path: [UInt8]
  /// In words: "is missing", "has another content".
  package var what: String

  package var description: String { "\(path.isEmpty ? "the root" : shownPath(path)) \(what)" }
}

package enum LayerVerification {
  /// Unpacks a layer's blob once more, into the empty directory `scratch`, and compares the extracted tree with it. All
  /// the rules for ambiguous archives hold by themselves, and a damaged tree can be replaced by the fresh one. Digests
  /// are the caller's to compare. What `LayerCompletion` settled is not compared: that is the metadata of directories
  /// that the archive only implies, and names that came from lower layers.
  package static func damages(
    of layer: Int32, blob: any ByteSource, scratch: Int32, options: LayerExtractor.Options, doing: String
  ) throws -> (damages: [LayerDamage], fresh: UnpackedLayer) {
    let fresh = try LayerUnpacking.unpack(blob, into: scratch, options: options, doing: doing)
    let open = fresh.extraction.unresolved
    let damages = try TreeComparison.damages(
      expected: scratch, actual: layer, mode: options.mode, failure: ArchiveFailure(doing: doing),
      settled: Set(open.links.map(\.path) + open.impliedDirectories), ignoringExtras: open.hidesEverything)
    return (damages, fresh)
  }
}

package enum TreeComparison {
  /// The differences of `actual` from `expected`: names, kinds, owners, modes, times of modification, extended
  /// attributes, opaque marks, link targets, sizes, contents, and which names are one file. Of `settled` paths only
  /// that they exist.
  /// - Parameter owners: from the ids of `expected` to those that `actual` is to have.
  package static func damages(
    expected: Int32, actual: Int32, mode: OverlayMode, failure: ArchiveFailure, settled: Set<[UInt8]> = [],
    owners: OwnerShift = .none, ignoringExtras: Bool = false
  ) throws -> [LayerDamage] {
    var comparison = Comparison(actual: actual, mode: mode, settled: settled, owners: owners, failure: failure)
    do {
      var known: Set<[UInt8]> = []
      try TreeWalk.visit(expected) { item in
        known.insert(item.path)
        return try comparison.compare(item)
      }
      try TreeWalk.visit(actual) { item in
        if known.contains(item.path) { return true }
        if !settled.contains(item.path), !ignoringExtras {
          comparison.note(item.path, "is not part of the layer")
        }
        return false
      }
    } catch let error as SystemError {
      throw failure.system(error)
    }
    return comparison.damages.sorted { $0.path.lexicographicallyPrecedes($1.path) }
  }
}

private struct Comparison {
  let actual: Int32
  let mode: OverlayMode
  let settled: Set<[UInt8]>
  let owners: OwnerShift
  let failure: ArchiveFailure
  var damages: [LayerDamage] = []
  /// Inodes of files of several names: expected to actual.
  private var inodes: [UInt: UInt] = [:]

  init(actual: Int32, mode: OverlayMode, settled: Set<[UInt8]>, owners: OwnerShift, failure: ArchiveFailure) {
    self.actual = actual
    self.mode = mode
    self.settled = settled
    self.owners = owners
    self.failure = failure
  }

  mutating func note(_ path: [UInt8], _ what: String) { damages.append(LayerDamage(path: path, what: what)) }

  /// Compares one item; answers whether to go on below it.
  mutating func compare(_ item: TreeItem) throws -> Bool {
    let lower = LowerChain([actual], mode: mode)
    guard let opened = try lower.openAsIs(item.path, flags: 0x200000) else {  // O_PATH
      note(item.path, "is missing")
      return false
    }
    var status = stat()
    try systemCall("stat", item.shown) { fstat(opened.raw, &status) }
    guard status.st_mode & S_IFMT == item.kind, item.kind != S_IFCHR || status.st_rdev == item.status.st_rdev else {
      note(item.path, "is of another kind")
      return false
    }
    if isWhiteoutStatus(status) { return false }
    if settled.contains(item.path) { return true }
    let owner = try owners.owner(of: item, failure)
    if status.st_uid != owner.user || status.st_gid != owner.group { note(item.path, "has another owner") }
    if item.kind != S_IFLNK, status.st_mode != item.status.st_mode { note(item.path, "has another mode") }
    if status.st_mtim.tv_sec != item.status.st_mtim.tv_sec || status.st_mtim.tv_nsec != item.status.st_mtim.tv_nsec {
      note(item.path, "has another time of modification")
    }
    switch item.kind {
    case S_IFREG: try compareFile(item, status, lower)
    case S_IFDIR:
      try compareAttributes(item, try item.open(O_RDONLY | O_DIRECTORY).take(), lower, O_RDONLY | O_DIRECTORY)
    case S_IFLNK: try compareTarget(item, opened.raw)
    default: break
    }
    return true
  }

  private mutating func compareTarget(_ item: TreeItem, _ link: Int32) throws {
    var buffer = [CChar](repeating: 0, count: 4096)
    // An empty path reads the link that the descriptor itself is (readlinkat(2)).
    let count = try systemCall("readlink", item.shown) { readlinkat(link, "", &buffer, buffer.count) }
    if try item.linkTarget() != buffer[..<count].map(UInt8.init(bitPattern:)) { note(item.path, "leads elsewhere") }
  }

  private mutating func compareFile(_ item: TreeItem, _ status: stat, _ lower: LowerChain) throws {
    if item.status.st_nlink > 1 {
      let inode = UInt(status.st_ino)
      if let known = inodes[UInt(item.status.st_ino)] {
        if known != inode { note(item.path, "is no longer one file with its other names") }
      } else {
        inodes[UInt(item.status.st_ino)] = inode
      }
    }
    if status.st_size != item.status.st_size { return note(item.path, "has another size") }
    try compareAttributes(item, try item.open().take(), lower, O_RDONLY, content: true)
  }

  /// Takes over the expected file's descriptor.
  private mutating func compareAttributes(
    _ item: TreeItem, _ descriptor: Int32, _ lower: LowerChain, _ flags: Int32, content: Bool = false
  ) throws {
    let expected = OwnedDescriptor(owning: descriptor)
    guard let actual = try lower.openAsIs(item.path, flags: flags | O_NONBLOCK) else {
      return note(item.path, "is missing")
    }
    let before = try owners.attributes(of: item, expected.raw, failure)
    let now = try AttributePolicy.read(actual.raw, shown: item.shown)
    let isSame = before.elementsEqual(now) { $0.name == $1.name && $0.value == $1.value }
    if !isSame || AttributePolicy.isOpaque(expected.raw, mode) != AttributePolicy.isOpaque(actual.raw, mode) {
      note(item.path, "has other extended attributes")
    }
    if content, try !hasSameContent(expected.raw, actual.raw, item.shown) { note(item.path, "has another content") }
  }

  private func hasSameContent(_ a: Int32, _ b: Int32, _ shown: String) throws -> Bool {
    let size = 1 << 17
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size * 2, alignment: 16)
    defer { buffer.deallocate() }
    let (first, second) = (
      UnsafeMutableRawBufferPointer(rebasing: buffer[..<size]), UnsafeMutableRawBufferPointer(rebasing: buffer[size...])
    )
    while true {
      let count = try File.read(a, into: first, shown: shown)
      var got = 0
      while got < count {
        let more = try File.read(b, into: UnsafeMutableRawBufferPointer(rebasing: second[got..<count]), shown: shown)
        if more == 0 { return false }
        got += more
      }
      if count == 0 { return true }
      guard let one = first.baseAddress, let two = second.baseAddress, memcmp(one, two, count) == 0 else {
        return false
      }
    }
  }
}
