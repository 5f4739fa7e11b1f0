// Tar archives made in code, honest and hostile: any byte of a header may be set, sizes may lie.

/// Builds a tar archive entry by entry. What is not asked for is as GNU tar would write it for root.
package struct TarBuilder {
  /// The archive so far; `ended` adds the two blocks of zeros.
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package enum Magic { case posix, gnu, none }

  /// One header block. The checksum is right unless `patches` says otherwise.
  package struct Header {
    package var name: [UInt8]
    package var mode: Int64 = 0o644
    package var uid: Int64 = 0
    package var gid: Int64 = 0
    package var size: Int64 = 0
    package var mtime: Int64 = 1_700_000_000
    package var type: UInt8 = UInt8(ascii: "0")
    package var linkName: [UInt8] = []
    package var magic = Magic.posix
    package var device: (major: Int64, minor: Int64) = (0, 0)
    package var prefix: [UInt8] = []
    /// Bytes put at their offsets before the checksum is made; an offset of 148 to 155 is put after.
    package var patches: [(offset: Int, bytes: [UInt8])] = []

    package init(_ name: String) { self.name = Array(name.utf8) }
    package init(_ name: [UInt8]) { self.name = name }

    package var block: [UInt8] {
      var block = [UInt8](repeating: 0, count: 512)
      func put(_ bytes: [UInt8], at offset: Int, _ width: Int) {
        for (index, byte) in bytes.prefix(width).enumerated() { block[offset + index] = byte }
      }
      put(name, at: 0, 100)
      put(TarBuilder.number(mode, 8), at: 100, 8)
      put(TarBuilder.number(uid, 8), at: 108, 8)
      put(TarBuilder.number(gid, 8), at: 116, 8)
      put(TarBuilder.number(size, 12), at: 124, 12)
      put(TarBuilder.number(mtime, 12), at: 136, 12)
      block[156] = type
      put(linkName, at: 157, 100)
      switch magic {
      case .posix: put(Array("ustar\u{0}00".utf8), at: 257, 8)
      case .gnu: put(Array("ustar  \u{0}".utf8), at: 257, 8)
      case .none: break
      }
      if magic != .none {
        put(TarBuilder.number(device.major, 8), at: 329, 8)
        put(TarBuilder.number(device.minor, 8), at: 337, 8)
      }
      put(prefix, at: 345, 155)
      let checksum = 148..<156
      for patch in patches where !checksum.contains(patch.offset) {
        put(patch.bytes, at: patch.offset, 512 - patch.offset)
      }
      for index in checksum { block[index] = 0x20 }
      let sum = block.reduce(0) { $0 + Int64($1) }
      put(TarBuilder.octal(sum, 7) + [0x20], at: 148, 8)
      for patch in patches where checksum.contains(patch.offset) { put(patch.bytes, at: patch.offset, 8) }
      return block
    }
  }

  /// Octal digits with a zero at the end; base 256 where they do not suffice.
  package static func number(_ value: Int64, _ width: Int) -> [UInt8] {
    let limit: Int64 = 1 << (3 * Int64(width - 1))
    if value >= 0, value < limit { return octal(value, width) }
    return base256(value, width)
  }

  static func octal(_ value: Int64, _ width: Int) -> [UInt8] {
    let digits = Array(String(value, radix: 8).utf8)
    return [UInt8](repeating: 0x30, count: max(0, width - 1 - digits.count)) + digits + [0]
  }

  /// The binary form of GNU and star: the first bit set, then two's complement.
  package static func base256(_ value: Int64, _ width: Int) -> [UInt8] {
    var result = [UInt8](repeating: value < 0 ? 0xFF : 0, count: width)
    for index in 0..<min(8, width) {
      result[width - 1 - index] = UInt8(truncatingIfNeeded: value >> (8 * Int64(index)))
    }
    result[0] |= 0x80
    return result
  }

  /// Adds a header and content, which is filled up to a block; the header's size is left as it is said.
  package mutating func add(_ header: Header, content: [UInt8] = []) {
    bytes += header.block
    addRaw(content, padded: true)
  }

  package mutating func addRaw(_ raw: [UInt8], padded: Bool = false) {
    bytes += raw
    if padded { bytes += [UInt8](repeating: 0, count: -raw.count & 511) }
  }

  package mutating func file(
    _ name: String, _ content: String = "", mode: Int64 = 0o644, uid: Int64 = 0, gid: Int64 = 0,
    mtime: Int64 = 1_700_000_000
  ) {
    file(Array(name.utf8), Array(content.utf8), mode: mode, uid: uid, gid: gid, mtime: mtime)
  }

  package mutating func file(
    _ name: [UInt8], _ content: [UInt8], mode: Int64 = 0o644, uid: Int64 = 0, gid: Int64 = 0,
    mtime: Int64 = 1_700_000_000
  ) {
    var header = Header(name)
    (header.mode, header.uid, header.gid, header.mtime) = (mode, uid, gid, mtime)
    header.size = Int64(content.count)
    add(header, content: content)
  }

  package mutating func directory(
    _ name: String, mode: Int64 = 0o755, uid: Int64 = 0, gid: Int64 = 0, mtime: Int64 = 1_700_000_000
  ) {
    var header = Header(name)
    (header.mode, header.uid, header.gid, header.mtime) = (mode, uid, gid, mtime)
    header.type = UInt8(ascii: "5")
    add(header)
  }

  package mutating func symlink(_ name: String, to target: String) {
    link(name, to: target, type: UInt8(ascii: "2"), mode: 0o777)
  }

  package mutating func hardLink(_ name: String, to target: String) {
    link(name, to: target, type: UInt8(ascii: "1"), mode: 0o644)
  }

  private mutating func link(_ name: String, to target: String, type: UInt8, mode: Int64) {
    var header = Header(name)
    (header.type, header.mode) = (type, mode)
    header.linkName = Array(target.utf8)
    add(header)
  }

  package mutating func fifo(_ name: String, mode: Int64 = 0o644) {
    var header = Header(name)
    (header.type, header.mode) = (UInt8(ascii: "6"), mode)
    add(header)
  }

  package mutating func device(_ name: String, block: Bool = false, major: Int64, minor: Int64) {
    var header = Header(name)
    header.type = UInt8(ascii: block ? "4" : "3")
    header.device = (major, minor)
    add(header)
  }

  /// A pax extended header for the entry that follows, or with `global` for all.
  package mutating func pax(_ records: [(String, String)], global: Bool = false) {
    pax(records.map { ($0.0, Array($0.1.utf8)) }, global: global)
  }

  package mutating func pax(_ records: [(String, [UInt8])], global: Bool = false) {
    paxContent(records.flatMap { TarBuilder.record($0.0, $0.1) }, global: global)
  }

  /// A pax header with any bytes as its records.
  package mutating func paxContent(_ content: [UInt8], global: Bool = false) {
    var header = Header(global ? "pax_global_header" : "PaxHeaders/x")
    header.type = UInt8(ascii: global ? "g" : "x")
    header.size = Int64(content.count)
    add(header, content: content)
  }

  /// `LENGTH key=value\n`, the length counting itself.
  package static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
    let rest = key.utf8.count + value.count + 3
    var length = rest + String(rest).utf8.count
    if String(length).utf8.count != String(rest).utf8.count { length = rest + String(length).utf8.count }
    return Array("\(length) \(key)=".utf8) + value + [0x0A]
  }

  /// GNU's long name (`L`) or long link target (`K`) for the entry that follows.
  package mutating func gnuLong(_ name: [UInt8], link: Bool = false) {
    var header = Header("././@LongLink")
    header.magic = .gnu
    header.type = UInt8(ascii: link ? "K" : "L")
    header.size = Int64(name.count + 1)
    add(header, content: name + [0])
  }

  /// The archive with its end.
  package var ended: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }
}
