// What an extraction leaves: its result, its notes, and the directories whose metadata comes last.
internal import Basics
internal import Glibc
internal import LinuxKernel

/// What unpacking a layer left to be said.
package struct ExtractionResult: Sendable, Equatable {
  package var entries: Int64
  /// Bytes of the regular files written, holes included, each file once.
  package var contentSize: Int64
  package var unresolved: UnresolvedEntries
  /// What was left out, a sentence each.
  package var notes: [String]
}

/// What a layer says only together with the layers below it; `LayerCompletion` settles it when those are there, so that
/// all layers of an image can be unpacked at the same time.
package struct UnresolvedEntries: Sendable, Equatable {
  /// Directories that no entry describes: parents of entries, and the root. They are 0755 of root until then.
  package var impliedDirectories: [[UInt8]] = []
  /// Hard links whose target the layer does not have.
  package var links: [(path: [UInt8], target: [UInt8])] = []
  /// The layer's root is opaque, which overlayfs cannot say of a root.
  package var hidesEverything = false

  package init() {}

  package var isEmpty: Bool { impliedDirectories.isEmpty && links.isEmpty && !hidesEverything }

  package static func == (a: UnresolvedEntries, b: UnresolvedEntries) -> Bool {
    a.impliedDirectories == b.impliedDirectories && a.hidesEverything == b.hidesEverything
      && a.links.elementsEqual(b.links) { $0.path == $1.path && $0.target == $1.target }
  }
}

/// Counts what was left out, so that each sort is one sentence whatever the archive holds.
struct ExtractionNotes {
  enum Sort: CaseIterable { case device, attribute, unsupportedAttribute, aufs, owner }
  private var seen: [Sort: (count: Int, first: String)] = [:]

  mutating func add(_ sort: Sort, _ what: String) { seen[sort, default: (0, what)].count += 1 }

  var text: [String] {
    Sort.allCases.compactMap { sort in
      guard let (count, first) = seen[sort] else { return nil }
      let others = count == 1 ? "" : " and \(count - 1) more"
      switch sort {
      case .device: return "left out the device node \(first)\(others): containers get theirs from the engine"
      case .attribute: return "left out the extended attribute \(safeText(first))\(others)"
      case .unsupportedAttribute:
        return "the filesystem has no extended attribute \(safeText(first)): left out\(others)"
      case .owner: return "gave \(first)\(others) to id 0, for want of subordinate ids"
      case .aufs: return "left out aufs's own file \(first)\(others)"
      }
    }
  }
}

/// The directories' metadata, applied when all else is written: their times would not stay, and one without write
/// permission could not be filled.
struct DirectoryLedger {
  private struct Record {
    var start: Int
    var count: Int
    var mode: UInt32
    var uid: Int64
    var gid: Int64
    var seconds: Int64
    var nanoseconds: Int32
    var attributes: [(name: [UInt8], value: [UInt8])]
    var isImplied = false
  }

  private var paths: [UInt8] = []
  private var records: [Record] = []
  private(set) var hasRoot = false

  mutating func add(_ path: ArchivePath, _ entry: TarEntry) {
    if path.isRoot { hasRoot = true }
    let start = paths.count
    path.append(to: &paths)
    records.append(
      Record(
        start: start, count: paths.count - start, mode: entry.mode, uid: entry.uid, gid: entry.gid,
        seconds: entry.mtimeSeconds, nanoseconds: entry.mtimeNanoseconds, attributes: entry.attributes))
  }

  /// A directory that no entry describes: 0755, root, the epoch.
  mutating func addImplied(_ path: [UInt8]) {
    records.append(
      Record(
        start: paths.count, count: path.count, mode: 0o755, uid: 0, gid: 0, seconds: 0, nanoseconds: 0, attributes: [],
        isImplied: true))
    paths.append(contentsOf: path)
  }

  /// Children before their parents, and of several records of one path the last. What is no directory any more is
  /// passed by. Answers the directories that no entry describes, parents first.
  mutating func apply(_ extractor: LayerExtractor) throws -> [[UInt8]] {
    if !hasRoot, extractor.options.merge == nil { addImplied([]) }
    let order = paths.withUnsafeBytes { bytes in
      func compare(_ a: Record, _ b: Record) -> Int32 {
        let common = min(a.count, b.count)
        guard let base = bytes.baseAddress else { return 0 }
        let result = memcmp(base + a.start, base + b.start, common)
        return result != 0 ? result : Int32(clamping: a.count - b.count)
      }
      var order = records.indices.sorted { a, b in
        let result = compare(records[a], records[b])
        return result == 0 ? a > b : result > 0
      }
      var kept = 0
      for index in order.indices where index == 0 || compare(records[order[index - 1]], records[order[index]]) != 0 {
        order[kept] = order[index]
        kept += 1
      }
      order.removeLast(order.count - kept)
      return order
    }
    var implied: [[UInt8]] = []
    for index in order {
      let record = records[index]
      if try apply(record, extractor), record.isImplied {
        implied.append(Array(paths[record.start..<record.start + record.count]))
      }
    }
    return implied.reversed()
  }

  private func apply(_ record: Record, _ extractor: LayerExtractor) throws -> Bool {
    let path = paths[record.start..<record.start + record.count]
    let directory: Int32
    if path.isEmpty {
      directory = extractor.root
    } else {
      let text = path.map(CChar.init(bitPattern:)) + [0]
      directory = extractor.openExisting(text)
      if directory < 0 {
        if errno == ENOENT || errno == ENOTDIR || errno == ELOOP { return false }
        throw extractor.failure.system(SystemError("open", shownPath(path)))
      }
    }
    defer { if directory != extractor.root { close(directory) } }
    if record.isImplied, extractor.options.merge != nil {
      guard fchmod(directory, mode_t(record.mode)) == 0 else {
        throw extractor.failure.system(SystemError("chmod", shownPath(path)))
      }
      return true
    }
    try extractor.setMetadata(
      of: directory, owner: (record.uid, record.gid), attributes: record.attributes, mode: record.mode,
      time: (record.seconds, record.nanoseconds), shown: { shownPath(path) })
    return true
  }
}
