// Writing tar: the same entries are the same bytes, on every machine.
internal import Basics
internal import Glibc

/// Writes ustar headers, with a pax header in front only of what ustar cannot say: long names, large numbers, parts of
/// a second, extended attributes. Owners are numbers; there are no names of users, no times of access or change, no
/// padding that depends on the machine.
package final class TarWriter {
  private let sink: (UnsafeRawBufferPointer) throws -> Void
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
  private var used = 0
  private var remaining: Int64 = 0
  private var padding = 0
  /// Bytes written so far.
  package private(set) var count: Int64 = 0
  package private(set) var entries: Int64 = 0

  package init(_ sink: @escaping (UnsafeRawBufferPointer) throws -> Void) { self.sink = sink }

  deinit { buffer.deallocate() }

  /// Begins an entry; `write` must then bring exactly its `size` bytes.
  package func begin(_ entry: TarEntry) throws {
    precondition(remaining == 0, "the entry before is not complete")
    entries += 1
    var path = entry.path
    if entry.kind == .directory, path.last != UInt8(ascii: "/") { path.append(UInt8(ascii: "/")) }
    let size = entry.kind == .regular ? entry.size : 0
    var records: [UInt8] = []
    var header = TarHeaderBlock()
    if !header.setName(path) { appendRecord("path", path, &records) }
    if !entry.linkTarget.isEmpty, !header.set(entry.linkTarget, at: 157, 100) {
      appendRecord("linkpath", entry.linkTarget, &records)
    }
    func number(_ value: Int64, _ key: String, at offset: Int, _ width: Int) {
      if !header.set(octal: value, at: offset, width) { appendRecord(key, Array(String(value).utf8), &records) }
    }
    _ = header.set(octal: Int64(entry.mode), at: 100, 8)
    number(entry.uid, "uid", at: 108, 8)
    number(entry.gid, "gid", at: 116, 8)
    number(size, "size", at: 124, 12)
    if !header.set(octal: entry.mtimeSeconds, at: 136, 12) || entry.mtimeNanoseconds != 0 {
      appendRecord("mtime", paxTime(entry.mtimeSeconds, entry.mtimeNanoseconds), &records)
    }
    if entry.kind == .character || entry.kind == .block {
      number(entry.deviceMajor, "SCHILY.devmajor", at: 329, 8)
      number(entry.deviceMinor, "SCHILY.devminor", at: 337, 8)
    }
    for attribute in entry.attributes {
      appendRecord("SCHILY.xattr." + String(decoding: attribute.name, as: UTF8.self), attribute.value, &records)
    }
    if !records.isEmpty { try writeRecords(records) }
    header.finish(type: type(entry.kind))
    try put(header.bytes)
    (remaining, padding) = (size, Int(-size & 511))
    if size == 0 { try pad() }
  }

  /// Bytes of the entry's content.
  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    precondition(Int64(bytes.count) <= remaining, "more content than the entry's size")
    remaining -= Int64(bytes.count)
    if bytes.count >= buffer.count / 2 {
      try flush()
      try sink(bytes)
      count += Int64(bytes.count)
    } else {
      try put(bytes)
    }
    if remaining == 0 { try pad() }
  }

  /// An entry with its whole content.
  package func add(_ entry: TarEntry, content: [UInt8] = []) throws {
    var entry = entry
    entry.size = Int64(content.count)
    try begin(entry)
    if !content.isEmpty { try content.withUnsafeBytes { try write($0) } }
  }

  /// Fills the entry up with zeros, when its file has become shorter than it was.
  func fillUp() throws {
    let zeros = [UInt8](repeating: 0, count: 4096)
    while remaining > 0 {
      try zeros.withUnsafeBytes { try write(UnsafeRawBufferPointer(rebasing: $0[..<Int(min(4096, remaining))])) }
    }
  }

  /// The two blocks of zeros, and everything out of the buffer.
  package func finish() throws {
    precondition(remaining == 0, "the last entry is not complete")
    try put([UInt8](repeating: 0, count: 1024))
    try flush()
  }

  private func type(_ kind: TarEntry.Kind) -> UInt8 {
    switch kind {
    case .regular: UInt8(ascii: "0")
    case .hardLink: UInt8(ascii: "1")
    case .symlink: UInt8(ascii: "2")
    case .character: UInt8(ascii: "3")
    case .block: UInt8(ascii: "4")
    case .directory: UInt8(ascii: "5")
    case .fifo: UInt8(ascii: "6")
    }
  }

  private func writeRecords(_ records: [UInt8]) throws {
    var header = TarHeaderBlock()
    _ = header.set(Array("PaxHeaders.0/x".utf8), at: 0, 100)
    _ = header.set(octal: 0o644, at: 100, 8)
    for (offset, width) in [(108, 8), (116, 8), (136, 12)] { _ = header.set(octal: 0, at: offset, width) }
    _ = header.set(octal: Int64(records.count), at: 124, 12)
    header.finish(type: UInt8(ascii: "x"))
    try put(header.bytes)
    try put(records)
    padding = -records.count & 511
    try pad()
  }

  private func pad() throws {
    try put([UInt8](repeating: 0, count: padding))
    padding = 0
  }

  private func put(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try put($0) } }

  private func put(_ bytes: UnsafeRawBufferPointer) throws {
    count += Int64(bytes.count)
    var rest = bytes[...]
    while !rest.isEmpty {
      if used == buffer.count { try flush() }
      let piece = rest.prefix(buffer.count - used)
      UnsafeMutableRawBufferPointer(rebasing: buffer[used...]).copyMemory(from: UnsafeRawBufferPointer(rebasing: piece))
      used += piece.count
      rest = rest.dropFirst(piece.count)
    }
  }

  private func flush() throws {
    if used > 0 { try sink(UnsafeRawBufferPointer(rebasing: buffer[..<used])) }
    used = 0
  }
}

/// `LENGTH key=value\n`, the length counting itself.
private func appendRecord(_ key: String, _ value: [UInt8], _ records: inout [UInt8]) {
  let rest = key.utf8.count + value.count + 3
  var length = rest + String(rest).utf8.count
  if String(length).utf8.count != String(rest).utf8.count { length = rest + String(length).utf8.count }
  records.append(contentsOf: "\(length) \(key)=".utf8)
  records.append(contentsOf: value)
  records.append(0x0A)
}

/// Seconds with as many digits of a fraction as say something.
private func paxTime(_ seconds: Int64, _ nanoseconds: Int32) -> [UInt8] {
  guard nanoseconds != 0 else { return Array(String(seconds).utf8) }
  // Seconds are rounded down, so a negative time counts its fraction backwards.
  let isNegative = seconds < 0
  let whole = isNegative ? -(seconds + 1) : seconds
  let fraction = isNegative ? 1_000_000_000 - nanoseconds : nanoseconds
  var digits = Array(String(fraction).utf8)
  digits = [UInt8](repeating: 0x30, count: 9 - digits.count) + digits
  while digits.last == 0x30 { digits.removeLast() }
  return Array("\(isNegative ? "-" : "")\(whole).".utf8) + digits
}

/// A header block in the making.
private struct TarHeaderBlock {
  var bytes = [UInt8](repeating: 0, count: TarHeader.size)

  /// A text that fits with or without a zero at its end; else as much of it as does, and false.
  mutating func set(_ text: [UInt8], at offset: Int, _ width: Int) -> Bool {
    for index in 0..<min(text.count, width) { bytes[offset + index] = text[index] }
    return text.count <= width
  }

  /// The name, its front in the prefix when it is long; false when that does not suffice.
  mutating func setName(_ path: [UInt8]) -> Bool {
    if path.count <= 100 { return set(path, at: 0, 100) }
    // The split must leave 1 to 100 bytes behind a slash and at most 155 before it.
    if path.count <= 256, let slash = path[..<min(156, path.count - 1)].lastIndex(of: UInt8(ascii: "/")), slash > 0,
      path.count - slash - 1 <= 100
    {
      return set(Array(path[(slash + 1)...]), at: 0, 100) && set(Array(path[..<slash]), at: 345, 155)
    }
    return set(path, at: 0, 100)
  }

  /// A number in octal digits with a zero behind; zeros and false when it does not fit.
  mutating func set(octal value: Int64, at offset: Int, _ width: Int) -> Bool {
    let fits = value >= 0 && value < 1 << (3 * Int64(width - 1))
    var rest = fits ? value : 0
    for index in stride(from: offset + width - 2, through: offset, by: -1) {
      bytes[index] = 0x30 + UInt8(rest & 7)
      rest >>= 3
    }
    return fits
  }

  mutating func finish(type: UInt8) {
    bytes[156] = type
    _ = set(Array("ustar\u{0}00".utf8), at: 257, 8)
    for index in 148..<156 { bytes[index] = 0x20 }
    let sum = bytes.reduce(0) { $0 + Int64($1) }
    _ = set(octal: sum, at: 148, 7)
    bytes[155] = 0x20
  }
}
