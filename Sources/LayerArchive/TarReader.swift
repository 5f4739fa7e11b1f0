// Reading tar: one parser with one meaning. ustar, pax, GNU (long names, sparse files), star and the seventh edition.
//
// Where GNU tar and Go's archive/tar (docker, containerd) read the same bytes differently, or one of them refuses, the
// archive is refused (SECURITY C9; CVE-2025-62518 is what such a difference costs):
//   - numbers must be numbers, checksums right, sizes not negative, names without zero bytes;
//   - a pax record outranks the header's field; where a pax size differs from a header that also has one, or a pax path
//     meets a GNU long name, the archive is refused;
//   - links have no content whatever their size says (both readers agree); other entries that cannot have content must
//     not have a size;
//   - a global pax header may hold only comments: docker ignores global headers, GNU tar obeys them;
//   - the archive ends at two blocks of zeros or, as both accept, at the end of the stream where a header could be.
//     What follows is hashed and not read. One lone block of zeros before more is refused.
internal import Basics

package final class TarReader {
  private let source: any ByteSource
  private let limits: ArchiveLimits
  private let failure: ArchiveFailure
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 19, alignment: 4096)
  private var start = 0
  private var end = 0
  private var sourceEnded = false
  private var archiveEnded = false
  /// Stored bytes of the entry not handed out yet, and the zeros after them that fill its last block.
  private var remaining: Int64 = 0
  private var padding = 0
  private var offset: Int64 = 0
  private var extentIndex = 0

  /// The entry that `next` found.
  package private(set) var entry = TarEntry()
  /// Entries so far, extended headers included.
  package private(set) var count: Int64 = 0

  package init(_ source: any ByteSource, limits: ArchiveLimits = ArchiveLimits(), failure: ArchiveFailure) {
    self.source = source
    self.limits = limits
    self.failure = failure
  }

  deinit { buffer.deallocate() }

  /// Goes on to the next entry, whose content need not have been read; false at the end of the archive.
  package func next() throws -> Bool {
    try skipContent()
    if archiveEnded { return false }
    var pax = PaxRecords()
    var longName: [UInt8]?
    var longLink: [UInt8]?
    while let header = try header() {
      count += 1
      if count > limits.entries { throw failure.limit("it has more than \(limits.entries) entries") }
      switch header.type {
      case UInt8(ascii: "x"):
        guard pax.isEmpty else { throw failure.corrupt("two pax headers follow each other") }
        pax = try PaxRecords(parsing: try extendedHeader(header), limits: limits, failure: failure)
      case UInt8(ascii: "g"): try checkGlobal(try extendedHeader(header))
      case UInt8(ascii: "L"): longName = try longText(header, before: longName)
      case UInt8(ascii: "K"): longLink = try longText(header, before: longLink)
      case UInt8(ascii: "V"): try skipLabel(header)
      default:
        guard longName == nil || (pax.path == nil && pax.sparseName == nil), longLink == nil || pax.linkTarget == nil
        else { throw failure.corrupt("an entry has its name from pax and from GNU") }
        if longName != nil { pax.path = longName }
        if longLink != nil { pax.linkTarget = longLink }
        try begin(header, pax)
        return true
      }
    }
    guard pax.isEmpty, longName == nil, longLink == nil else {
      throw failure.corrupt("it ends after a header of headers")
    }
    archiveEnded = true
    return false
  }

  /// The next stored piece of the entry's content, with its place in the file; nil at the end. The bytes are valid
  /// until the next call. Places between the pieces are holes.
  package func nextPiece() throws -> (offset: Int64, bytes: UnsafeRawBufferPointer)? {
    guard remaining > 0 else { return nil }
    if start == end { try refill() }
    var count = Int(min(remaining, Int64(end - start)))
    if let extents = entry.extents {
      while offset == extents[extentIndex].offset + extents[extentIndex].count {
        extentIndex += 1
        offset = extents[extentIndex].offset
      }
      count = Int(min(Int64(count), extents[extentIndex].offset + extents[extentIndex].count - offset))
    }
    let piece = (offset, UnsafeRawBufferPointer(rebasing: buffer[start..<start + count]))
    start += count
    remaining -= Int64(count)
    offset += Int64(count)
    return piece
  }

  /// The whole content of a small entry. More than `limit` bytes is an error that names the entry.
  package func content(limit: Int) throws -> [UInt8] {
    guard entry.size <= limit else {
      throw failure.limit("\(shownPath(entry.path)) has more than \(limit) bytes")
    }
    var bytes = [UInt8](repeating: 0, count: Int(entry.size))
    while let piece = try nextPiece() {
      bytes.withUnsafeMutableBytes {
        UnsafeMutableRawBufferPointer(rebasing: $0[Int(piece.offset)...]).copyMemory(from: piece.bytes)
      }
    }
    return bytes
  }

  /// Reads what follows the archive's end, so that digests cover the whole stream.
  package func finish() throws {
    (start, end) = (0, 0)
    if !sourceEnded { try source.drain() }
    sourceEnded = true
  }

  // Reading blocks.

  private func refill() throws {
    if start > 0, start < end { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end])) }
    (start, end) = (0, end - start)
    let got = sourceEnded ? 0 : try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
    guard got > 0 else {
      sourceEnded = true
      throw failure.corrupt("it ends too early")
    }
    end += got
  }

  /// One block; nil at the end of the stream.
  private func block() throws -> UnsafeRawPointer? {
    while end - start < TarHeader.size {
      if start == end {
        (start, end) = (0, 0)
        let got = sourceEnded ? 0 : try source.read(into: buffer)
        if got == 0 {
          sourceEnded = true
          return nil
        }
        end = got
      } else {
        try refill()
      }
    }
    defer { start += TarHeader.size }
    return buffer.baseAddress.map { UnsafeRawPointer($0 + start) }
  }

  /// The next header; nil at the archive's end.
  private func header() throws -> TarHeader? {
    guard let first = try block() else { return nil }
    let header = TarHeader(first)
    if header.bytes[0] == 0, header.isZero {
      if let second = try block(), !TarHeader(second).isZero {
        throw failure.corrupt("a lone block of zeros is inside it")
      }
      return nil
    }
    guard header.hasRightChecksum else {
      throw failure.corrupt(count == 0 ? "it is no tar archive" : "a header's checksum is wrong")
    }
    return header
  }

  private func skipContent() throws {
    remaining += Int64(padding)
    padding = 0
    while remaining > 0 {
      if start == end { try refill() }
      let count = min(remaining, Int64(end - start))
      start += Int(count)
      remaining -= count
    }
  }

  /// The content of a header that is about the next one.
  private func extendedHeader(_ header: TarHeader) throws -> [UInt8] {
    guard let size = header.number(124, 12), size >= 0 else { throw failure.corrupt("an extended header has no size") }
    guard size <= limits.extendedHeaderBytes else {
      throw failure.limit("an extended header has more than \(limits.extendedHeaderBytes >> 10) KiB")
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(size))
    while bytes.count < Int(size) {
      guard let block = try block() else { throw failure.corrupt("it ends too early") }
      bytes.append(
        contentsOf: UnsafeRawBufferPointer(start: block, count: min(TarHeader.size, Int(size) - bytes.count)))
    }
    return bytes
  }

  private func checkGlobal(_ bytes: [UInt8]) throws {
    let records = try PaxRecords(parsing: bytes, limits: limits, failure: failure)
    guard records.path == nil, records.linkTarget == nil, records.size == nil, records.uid == nil, records.gid == nil,
      records.mtime == nil, records.attributes.isEmpty, records.sparseMajor == nil, !records.hasSparseMap,
      records.sparseName == nil, records.sparseSize == nil
    else { throw failure.unsupported("a global pax header speaks of all entries, which tar programs read differently") }
  }

  private func longText(_ header: TarHeader, before: [UInt8]?) throws -> [UInt8] {
    guard before == nil else { throw failure.corrupt("two long names follow each other") }
    var bytes = try extendedHeader(header)
    if let zero = bytes.firstIndex(of: 0) { bytes.removeSubrange(zero...) }
    guard !bytes.isEmpty else { throw failure.corrupt("a long name is empty") }
    return bytes
  }

  private func skipLabel(_ header: TarHeader) throws {
    guard header.number(124, 12) == 0 else { throw failure.corrupt("a volume label has content") }
  }

  // Understanding headers.

  private func begin(_ header: TarHeader, _ pax: PaxRecords) throws {
    entry.reset()
    if let path = pax.path { entry.path.append(contentsOf: path) } else { header.appendName(to: &entry.path) }
    if let target = pax.linkTarget {
      entry.linkTarget.append(contentsOf: target)
    } else {
      entry.linkTarget.append(contentsOf: header.text(157, 100))
    }
    entry.kind = try kind(header)
    func field(_ offset: Int, _ count: Int, _ name: String) throws -> Int64 {
      guard let value = header.number(offset, count) else {
        throw failure.corrupt("the \(name) of \(shownPath(entry.path)) is no number")
      }
      return value
    }
    entry.mode = UInt32(truncatingIfNeeded: try field(100, 8, "mode")) & 0o7777
    entry.uid = try pax.uid ?? field(108, 8, "owner")
    entry.gid = try pax.gid ?? field(116, 8, "group")
    entry.mtimeSeconds = try field(136, 12, "time")
    if let time = pax.mtime { (entry.mtimeSeconds, entry.mtimeNanoseconds) = time }
    if entry.kind == .character || entry.kind == .block {
      entry.deviceMajor = try field(329, 8, "device")
      entry.deviceMinor = try field(337, 8, "device")
    }
    entry.attributes = pax.attributes
    let size = try self.size(try field(124, 12, "size"), pax)
    (remaining, padding, offset, extentIndex) = (0, 0, 0, 0)
    guard entry.kind == .regular else {
      guard size == 0 || entry.kind == .hardLink else {
        throw failure.corrupt("\(shownPath(entry.path)) is no file but has a size")
      }
      return
    }
    (entry.size, entry.storedSize, remaining) = (size, size, size)
    padding = Int(-size & 511)
    try beginSparse(header, pax)
    if entry.extents != nil { offset = entry.extents?.first?.offset ?? 0 }
  }

  private func kind(_ header: TarHeader) throws -> TarEntry.Kind {
    let isNamedAsDirectory = entry.path.last == UInt8(ascii: "/")
    switch header.type {
    case 0: return isNamedAsDirectory ? .directory : .regular
    case UInt8(ascii: "0"), UInt8(ascii: "7"), UInt8(ascii: "S"):
      // GNU tar makes a directory of it, docker a file.
      if isNamedAsDirectory { throw failure.corrupt("the file \(shownPath(entry.path)) is named as a directory") }
      return .regular
    case UInt8(ascii: "1"): return .hardLink
    case UInt8(ascii: "2"): return .symlink
    case UInt8(ascii: "3"): return .character
    case UInt8(ascii: "4"): return .block
    case UInt8(ascii: "5"): return .directory
    case UInt8(ascii: "6"): return .fifo
    default:
      throw failure.unsupported(
        "\(shownPath(entry.path)) is an entry of type \(shownPath([header.type])), which is not known")
    }
  }

  private func size(_ header: Int64, _ pax: PaxRecords) throws -> Int64 {
    guard header >= 0 else { throw failure.corrupt("the size of \(shownPath(entry.path)) is negative") }
    guard let size = pax.size else { return header }
    // Writers put 0 or the largest octal number where the size does not fit.
    guard header == size || header == 0 || header == 0o7_777_777_7777 else {
      throw failure.corrupt("\(shownPath(entry.path)) has one size in its pax header and another one in its own")
    }
    return size
  }

  // Sparse files.

  private func beginSparse(_ header: TarHeader, _ pax: PaxRecords) throws {
    if let name = pax.sparseName { entry.path = name }
    if header.type == UInt8(ascii: "S") {
      guard header.format == .gnu, !pax.hasSparseMap, pax.sparseMajor == nil, let size = header.number(483, 12) else {
        throw sparseFailure()
      }
      try setExtents(try gnuMap(header), size: size)
    } else if pax.sparseMajor == 1 {
      guard pax.sparseMinor == 0, !pax.hasSparseMap, let size = pax.sparseSize else { throw sparseFailure() }
      try setExtents(try storedMap(), size: size)
    } else if pax.hasSparseMap {
      guard pax.sparseMajor ?? 0 == 0, let size = pax.sparseSize, pax.sparseMap.count % 2 == 0,
        pax.sparseCount ?? Int64(pax.sparseMap.count / 2) == Int64(pax.sparseMap.count / 2)
      else { throw sparseFailure() }
      try setExtents(pax.sparseMap, size: size)
    } else if pax.sparseMajor != nil || pax.sparseSize != nil || pax.sparseName != nil {
      throw sparseFailure()
    }
  }

  private func sparseFailure() -> EngineError {
    failure.corrupt("the sparse file \(shownPath(entry.path)) has a map that cannot be")
  }

  /// Old GNU: four parts in the header, 21 in each block that follows while a flag says so.
  private func gnuMap(_ header: TarHeader) throws -> [Int64] {
    var numbers: [Int64] = []
    func take(_ header: TarHeader, at offset: Int, count: Int) throws {
      for index in 0..<count * 2 {
        let place = offset + index * 12
        if index % 2 == 0, header.bytes[place] == 0 { return }
        guard let number = header.number(place, 12) else { throw sparseFailure() }
        numbers.append(number)
      }
    }
    try take(header, at: 386, count: 4)
    var more = header.bytes[482] != 0
    while more {
      guard let next = try block() else { throw failure.corrupt("it ends too early") }
      try take(TarHeader(next), at: 0, count: 21)
      more = TarHeader(next).bytes[504] != 0
      guard numbers.count <= limits.sparseExtents * 2 else {
        throw failure.limit("a sparse file has more than \(limits.sparseExtents) parts")
      }
    }
    return numbers
  }

  /// Format 1.0: numbers in lines in front of the content, filled up to a block.
  private func storedMap() throws -> [Int64] {
    var numbers: [Int64] = []
    var line: [UInt8] = []
    var wanted: Int64?
    while wanted.map({ numbers.count < $0 * 2 }) ?? true {
      guard remaining >= Int64(TarHeader.size), let block = try block() else { throw sparseFailure() }
      remaining -= Int64(TarHeader.size)
      entry.storedSize -= Int64(TarHeader.size)
      for byte in UnsafeRawBufferPointer(start: block, count: TarHeader.size) {
        guard byte == 0x0A else {
          line.append(byte)
          if line.count > 20 { throw sparseFailure() }
          continue
        }
        guard let number = decimal(line[...]) else { throw sparseFailure() }
        line.removeAll(keepingCapacity: true)
        if let wanted {
          numbers.append(number)
          if numbers.count == wanted * 2 { break }
        } else {
          guard number <= limits.sparseExtents else {
            throw failure.limit("a sparse file has more than \(limits.sparseExtents) parts")
          }
          wanted = number
          if number == 0 { break }
        }
      }
    }
    return numbers
  }

  /// Accepts a map: parts in order, apart, inside the file, and as much content as there is.
  private func setExtents(_ numbers: [Int64], size: Int64) throws {
    guard size >= 0, numbers.count % 2 == 0 else { throw sparseFailure() }
    var extents: [SparseExtent] = []
    var place: Int64 = 0
    var stored: Int64 = 0
    for index in stride(from: 0, to: numbers.count, by: 2) {
      let (offset, count) = (numbers[index], numbers[index + 1])
      guard offset >= place, count >= 0, offset <= size, count <= size - offset else { throw sparseFailure() }
      place = offset + count
      stored += count
      if count > 0 { extents.append(SparseExtent(offset: offset, count: count)) }
    }
    guard stored == entry.storedSize else { throw sparseFailure() }
    entry.extents = extents
    entry.size = size
  }
}
