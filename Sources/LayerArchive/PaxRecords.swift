// The records of a pax extended header (POSIX.1-2017, pax, "pax Extended Header").

/// What the records in front of one entry say about it. An empty value takes a record back, as the standard has it.
struct PaxRecords {
  var path: [UInt8]?
  var linkTarget: [UInt8]?
  var size: Int64?
  var uid: Int64?
  var gid: Int64?
  var mtime: (seconds: Int64, nanoseconds: Int32)?
  var attributes: [(name: [UInt8], value: [UInt8])] = []
  /// GNU's sparse files: formats 0.0, 0.1 and 1.0 (GNU tar manual, "Storing Sparse Files").
  var sparseMajor: Int64?
  var sparseMinor: Int64?
  var sparseName: [UInt8]?
  var sparseSize: Int64?
  var sparseCount: Int64?
  /// Offsets and sizes alternately.
  var sparseMap: [Int64] = []
  var hasSparseMap = false

  var isEmpty = true

  /// Reads the records of one header.
  init(parsing bytes: [UInt8], limits: ArchiveLimits, failure: ArchiveFailure) throws {
    var position = 0
    while position < bytes.count {
      guard let space = bytes[position...].prefix(20).firstIndex(of: 0x20),
        let length = decimal(bytes[position..<space]), length <= Int64(bytes.count - position),
        let equals = bytes[space..<position + Int(length)].firstIndex(of: UInt8(ascii: "=")), equals > space + 1,
        bytes[position + Int(length) - 1] == 0x0A, equals < position + Int(length) - 1
      else { throw failure.corrupt("a pax header is malformed") }
      let end = position + Int(length)
      try take(
        String(decoding: bytes[space + 1..<equals], as: UTF8.self), bytes[space + 1..<equals],
        bytes[equals + 1..<end - 1],
        limits: limits, failure: failure)
      position = end
    }
  }

  init() {}

  private mutating func take(
    _ key: String, _ keyBytes: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>, limits: ArchiveLimits,
    failure: ArchiveFailure
  ) throws {
    func number() throws -> Int64? {
      if value.isEmpty { return nil }
      guard let number = decimal(value) else {
        throw failure.corrupt("a pax header has \(shownPath(value)) as \(safeKey(key))")
      }
      return number
    }
    func text() throws -> [UInt8]? {
      if value.contains(0) { throw failure.corrupt("a name holds a zero byte") }
      return value.isEmpty ? nil : Array(value)
    }
    isEmpty = false
    switch key {
    case "path": path = try text()
    case "linkpath": linkTarget = try text()
    case "size": size = try number()
    case "uid": uid = try number()
    case "gid": gid = try number()
    case "mtime":
      guard value.isEmpty || paxTime(value) != nil else { throw failure.corrupt("a pax header has a malformed mtime") }
      mtime = paxTime(value)
    case "GNU.sparse.major": sparseMajor = try number()
    case "GNU.sparse.minor": sparseMinor = try number()
    case "GNU.sparse.name": sparseName = try text()
    case "GNU.sparse.size", "GNU.sparse.realsize": sparseSize = try number()
    case "GNU.sparse.numblocks": sparseCount = try number()
    case "GNU.sparse.offset", "GNU.sparse.numbytes":
      guard let number = try number(), sparseMap.count % 2 == (key == "GNU.sparse.offset" ? 0 : 1),
        sparseMap.count < limits.sparseExtents * 2
      else { throw failure.corrupt("a sparse file's map is malformed") }
      sparseMap.append(number)
      hasSparseMap = true
    case "GNU.sparse.map":
      sparseMap = []
      hasSparseMap = true
      for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
        guard let number = decimal(part), sparseMap.count < limits.sparseExtents * 2 else {
          throw failure.corrupt("a sparse file's map is malformed")
        }
        sparseMap.append(number)
      }
    default:
      // SCHILY.xattr. is what GNU tar, star, Go and bsdtar all write; LIBARCHIVE.xattr. repeats it.
      if key.utf8.starts(with: "SCHILY.xattr.".utf8) {
        try takeAttribute(Array(keyBytes.dropFirst(13)), Array(value), limits: limits, failure: failure)
      }
    }
  }

  private mutating func takeAttribute(
    _ name: [UInt8], _ value: [UInt8], limits: ArchiveLimits, failure: ArchiveFailure
  ) throws {
    guard !name.isEmpty, !name.contains(0) else { throw failure.corrupt("an extended attribute has no valid name") }
    guard name.count <= limits.attributeNameBytes else {
      throw failure.limit("the name of an extended attribute has more than \(limits.attributeNameBytes) bytes")
    }
    guard value.count <= limits.attributeValueBytes else {
      throw failure.limit(
        "the extended attribute \(shownPath(name)) has more than \(limits.attributeValueBytes) bytes")
    }
    attributes.removeAll { $0.name == name }
    guard attributes.count < limits.attributesPerEntry else {
      throw failure.limit("an entry has more than \(limits.attributesPerEntry) extended attributes")
    }
    attributes.append((name, value))
  }
}

private func safeKey(_ key: String) -> String { shownPath(Array(key.utf8)) }

/// A number of decimal digits and nothing else; nil also when it does not fit.
func decimal(_ digits: ArraySlice<UInt8>) -> Int64? {
  guard !digits.isEmpty, digits.count <= 19 else { return nil }
  var result: Int64 = 0
  for byte in digits {
    guard (0x30...0x39).contains(byte) else { return nil }
    let (product, over) = result.multipliedReportingOverflow(by: 10)
    let (sum, over2) = product.addingReportingOverflow(Int64(byte - 0x30))
    if over || over2 { return nil }
    result = sum
  }
  return result
}

/// `-12.345` as seconds rounded down and nanoseconds; digits beyond the ninth are dropped.
private func paxTime(_ text: ArraySlice<UInt8>) -> (seconds: Int64, nanoseconds: Int32)? {
  var rest = text
  let negative = rest.first == UInt8(ascii: "-")
  if negative { rest = rest.dropFirst() }
  let dot = rest.firstIndex(of: UInt8(ascii: ".")) ?? rest.endIndex
  guard let whole = decimal(rest[..<dot]), whole < 1 << 56 else { return nil }
  var nanoseconds: Int64 = 0
  if dot < rest.endIndex {
    let fraction = rest[rest.index(after: dot)...]
    guard fraction.count <= 32, fraction.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    for index in 0..<9 {
      nanoseconds *= 10
      if index < fraction.count { nanoseconds += Int64(fraction[fraction.startIndex + index] - 0x30) }
    }
  }
  guard negative else { return (whole, Int32(nanoseconds)) }
  return nanoseconds == 0 ? (-whole, 0) : (-whole - 1, Int32(1_000_000_000 - nanoseconds))
}
