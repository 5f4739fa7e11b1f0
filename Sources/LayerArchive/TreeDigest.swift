// What a tree contains, as one digest: the key of a build's COPY.
internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel
package import OCI

/// What identifies a state of a file without reading it. The kernel changes `changed` with every write.
package struct FileState: Equatable, Sendable {
  package var inode: UInt64
  /// ctime and mtime in nanoseconds since the epoch.
  package var changed: Int64
  package var modified: Int64
  package var size: Int64

  package init(inode: UInt64, changed: Int64, modified: Int64, size: Int64) {
    self.inode = inode
    self.changed = changed
    self.modified = modified
    self.size = size
  }
}

/// Hashes of files' contents and attributes that were taken before.
package protocol FileHashes: AnyObject {
  func hash(of state: FileState) -> [UInt8]?
  func note(_ hash: [UInt8], of state: FileState)
}

package enum TreeDigest {
  /// The digest of what the rules take of a source: names in the archive, kinds, modes, owners, contents, targets of links
  /// and attributes that are carried; no times. `each` is told every name with a digest of its own.
  package static func add(
    _ source: ArchivedSource, to digest: inout SHA256Stream, rules: ArchiveRules, hashes: (any FileHashes)?,
    failure: ArchiveFailure, each: (([UInt8], [UInt8]) -> Void)? = nil
  ) throws {
    let hasher = FileHasher()
    var first: [FileIdentity: [UInt8]] = [:]
    do {
      try SourceWalk.visit(source, rules, failure) { item, path in
        var entry = TarEntry(
          .regular, path, mode: item.status.st_mode & 0o7777, uid: Int64(item.status.st_uid),
          gid: Int64(item.status.st_gid))
        if item.kind == S_IFLNK { entry.kind = .symlink }
        if item.isDirectory { entry.kind = .directory }
        rules.apply(to: &entry)
        var text = Array("\(item.kind >> 12) \(entry.mode) \(entry.uid) \(entry.gid) \(path.count) ".utf8) + path
        switch item.kind {
        case S_IFREG:
          let identity = FileIdentity(device: UInt(item.status.st_dev), inode: UInt(item.status.st_ino))
          if item.status.st_nlink > 1 {
            if let known = first[identity] { text += Array(" = ".utf8) + known } else { first[identity] = path }
          }
          text += try hasher.hash(item, hashes)
        case S_IFLNK: text += try item.linkTarget()
        case S_IFDIR:
          let opened = try item.open(O_RDONLY | O_DIRECTORY)
          text += attributes(try AttributePolicy.read(opened.raw, shown: item.shown))
        default: break
        }
        digest.update(text)
        digest.update([0])
        if let each {
          var own = SHA256Stream()
          own.update(text)
          each(path, own.digestBytes)
        }
      }
    } catch let error as SystemError {
      throw failure.system(error)
    }
  }

  private struct FileIdentity: Hashable {
    var device: UInt
    var inode: UInt
  }

  fileprivate static func attributes(_ list: [(name: [UInt8], value: [UInt8])]) -> [UInt8] {
    var text: [UInt8] = []
    for attribute in list {
      text += Array(" \(attribute.name.count) \(attribute.value.count) ".utf8) + attribute.name + attribute.value
    }
    return text
  }
}

private final class FileHasher {
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
  deinit { buffer.deallocate() }

  func hash(_ item: TreeItem, _ known: (any FileHashes)?) throws -> [UInt8] {
    let status = item.status
    func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) }
    let state = FileState(
      inode: UInt64(status.st_ino), changed: nanoseconds(status.st_ctim), modified: nanoseconds(status.st_mtim),
      size: Int64(status.st_size))
    if let hash = known?.hash(of: state) { return hash }
    let file = try item.open()
    var stream = SHA256Stream()
    while true {
      let count = try File.read(file.raw, into: buffer, shown: item.shown)
      if count == 0 { break }
      stream.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
    stream.update(TreeDigest.attributes(try AttributePolicy.read(file.raw, shown: item.shown)))
    let hash = stream.digestBytes
    known?.note(hash, of: state)
    return hash
  }
}
