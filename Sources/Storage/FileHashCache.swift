package import Basics
internal import Glibc
package import LayerArchive
import LinuxKernel

/// Hashes of the files of one build context, so that a file which has not changed is not read again. A file of fixed
/// entries of 64 bytes, sorted by inode; what cannot be read is as good as empty.
package final class FileHashCache: FileHashes {
  private static let entrySize = 64
  /// Entries kept at most.
  private static let limit = 2_000_000
  /// A file changed less than this before it was hashed may change again without a sign: the clock of inodes ticks in
  /// jiffies. Nanoseconds.
  private static let settled: Int64 = 100_000_000

  private let directory: StateDirectory
  private let path: String
  private let known: [UInt8]
  private var fresh: [UInt64: (state: FileState, hash: [UInt8])] = [:]

  /// - Parameter name: of the context, as a file name.
  package init(_ directory: StateDirectory, name: String) {
    self.directory = directory
    path = StatePath.buildContext(name)
    // No hashes are only slow.
    let bytes = try? File.readAllIfPresent(at: directory.root.raw, path, limit: Self.limit * Self.entrySize)
    known = (bytes ?? nil) ?? []
  }

  private var count: Int { known.count / Self.entrySize }

  private func number(_ entry: Int, _ field: Int) -> UInt64 {
    known.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: entry * Self.entrySize + field * 8, as: UInt64.self) }
  }

  package func hash(of state: FileState) -> [UInt8]? {
    if let found = fresh[state.inode], found.state == state { return found.hash }
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if number(middle, 0) < state.inode { low = middle + 1 } else { high = middle }
    }
    guard low < count, number(low, 0) == state.inode, number(low, 1) == UInt64(bitPattern: state.changed),
      number(low, 2) == UInt64(bitPattern: state.modified), number(low, 3) == UInt64(bitPattern: state.size)
    else { return nil }
    let start = low * Self.entrySize + 32
    return Array(known[start..<start + 32])
  }

  package func note(_ hash: [UInt8], of state: FileState) {
    guard Timestamp.now.nanoseconds - max(state.changed, state.modified) > Self.settled else { return }
    fresh[state.inode] = (state, hash)
  }

  /// Writes what is new beside what was known. Losing it costs only time, so nothing is made durable.
  package func save() throws(EngineError) {
    guard !fresh.isEmpty else { return }
    try during("keeping the hashes of the build context") {
      try BuildCache(directory).prepare()
      var entries: [(inode: UInt64, bytes: ArraySlice<UInt8>)] = []
      entries.reserveCapacity(count + fresh.count)
      for entry in 0..<count where fresh[number(entry, 0)] == nil {
        entries.append((number(entry, 0), known[entry * Self.entrySize..<(entry + 1) * Self.entrySize]))
      }
      for (inode, value) in fresh {
        var bytes: [UInt8] = []
        for field in [
          inode, UInt64(bitPattern: value.state.changed), UInt64(bitPattern: value.state.modified),
          UInt64(bitPattern: value.state.size),
        ] { withUnsafeBytes(of: field) { bytes.append(contentsOf: $0) } }
        entries.append((inode, (bytes + value.hash)[...]))
      }
      // Those of the past would else stay for ever: beyond the limit only this build's are kept.
      if entries.count > Self.limit { entries = entries.filter { fresh[$0.inode] != nil } }
      entries.sort { $0.inode < $1.inode }
      var bytes: [UInt8] = []
      bytes.reserveCapacity(entries.count * Self.entrySize)
      for entry in entries.prefix(Self.limit) { bytes.append(contentsOf: entry.bytes) }
      let temporary = "\(path).\(newID().prefix(12))"
      do throws(SystemError) {
        let file = try File.open(
          at: directory.root.raw, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        try File.writeAll(file.raw, bytes, shown: path)
        try File.rename(at: directory.root.raw, temporary, to: directory.root.raw, path)
      } catch {
        unlinkat(directory.root.raw, temporary, 0)
        throw error
      }
    }
  }
}
