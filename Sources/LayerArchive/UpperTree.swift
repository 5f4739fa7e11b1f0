// The writable layer of a build step, made fit to be a layer.
internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

package enum UpperTree {
  /// Leaves in an overlay's upper directory only what was changed: what the engine made to mount on goes, and
  /// directories that overlayfs only copied up on the way; times younger than `latest` (nanoseconds since the epoch)
  /// become that, and the root gets the metadata of the one below.
  /// - Parameter stubs: relative paths, with their parents, that mounts were put on.
  package static func settle(
    _ upper: Int32, lower: LowerChain, mode: OverlayMode, stubs: Set<[UInt8]>, latest: Int64, failure: ArchiveFailure
  ) throws {
    do {
      try removeStubs(upper, lower, stubs)
      try removeUntouched(upper, lower, mode)
      try settleTimes(upper, latest)
      try adoptRoot(upper, lower)
    } catch let error as SystemError {
      throw failure.system(error)
    }
  }

  private static func removeStubs(_ upper: Int32, _ lower: LowerChain, _ stubs: Set<[UInt8]>) throws {
    // The deepest first, so that a directory is empty when its turn comes; one that was filled meanwhile stays.
    for path in stubs.sorted(by: { $0.count > $1.count }) {
      guard try lower.status(path) == nil, let (parent, name) = try parent(of: path, in: upper) else { continue }
      var status = stat()
      guard fstatat(parent.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
      let kind = status.st_mode & S_IFMT
      if kind == S_IFREG, status.st_size == 0 { unlinkat(parent.raw, name, 0) }
      if kind == S_IFDIR { unlinkat(parent.raw, name, AT_REMOVEDIR) }
    }
  }

  /// Nil when a part of the way is not there, or is no directory.
  private static func parent(of path: [UInt8], in root: Int32) throws(SystemError) -> (Opened, [CChar])? {
    let slash = path.lastIndex(of: UInt8(ascii: "/"))
    do throws(SystemError) {
      let parent = try openBelow(root, slash.map { path[..<$0] } ?? [], O_RDONLY | O_DIRECTORY)
      let name = slash.map { path[($0 + 1)...] } ?? path[...]
      return (Opened(parent.take()), name.map(CChar.init(bitPattern:)) + [0])
    } catch {
      if error.errno == ENOENT || error.errno == ENOTDIR || error.errno == ELOOP { return nil }
      throw error
    }
  }

  private final class Opened {
    let raw: Int32
    init(_ raw: Int32) { self.raw = raw }
    deinit { close(raw) }
  }

  private static func removeUntouched(_ upper: Int32, _ lower: LowerChain, _ mode: OverlayMode) throws {
    var candidates: [[UInt8]] = []
    try TreeWalk.visit(upper) { item in
      guard item.isDirectory else { return false }
      let opened = try item.open(O_RDONLY | O_DIRECTORY)
      if AttributePolicy.isOpaque(opened.raw, mode) { return true }
      guard let below = try lower.open(item.path, flags: O_RDONLY | O_DIRECTORY) else { return true }
      let status = try File.status(below.raw)
      guard status.mode == item.status.st_mode & 0o7777, status.uid == item.status.st_uid,
        status.gid == item.status.st_gid
      else { return true }
      let attributes = try AttributePolicy.read(opened.raw, shown: item.shown)
      let before = try AttributePolicy.read(below.raw, shown: item.shown)
      if attributes.elementsEqual(before, by: { $0.name == $1.name && $0.value == $1.value }) {
        candidates.append(item.path)
      }
      return true
    }
    for path in candidates.reversed() {
      guard let (parent, name) = try parent(of: path, in: upper) else { continue }
      // Succeeds for an empty one only.
      unlinkat(parent.raw, name, AT_REMOVEDIR)
    }
  }

  private static func settleTimes(_ upper: Int32, _ latest: Int64) throws {
    let time = timespec(tv_sec: Int(latest / 1_000_000_000), tv_nsec: Int(latest % 1_000_000_000))
    let times = [time, time]
    try TreeWalk.visit(upper) { item in
      // A socket of a program that has ended; archives do not carry it either.
      if item.kind == S_IFSOCK, unlinkat(item.directory, item.name, 0) == 0 { return false }
      let own = Int64(item.status.st_mtim.tv_sec) * 1_000_000_000 + Int64(item.status.st_mtim.tv_nsec)
      if own > latest {
        try systemCall("utimens", item.shown) { utimensat(item.directory, item.name, times, AT_SYMLINK_NOFOLLOW) }
      }
      return true
    }
  }

  private static func adoptRoot(_ upper: Int32, _ lower: LowerChain) throws {
    guard let below = try lower.open([], flags: O_RDONLY | O_DIRECTORY) else { return }
    let status = try File.status(below.raw)
    try systemCall("chown", "/") { fchown(upper, status.uid, status.gid) }
    try systemCall("chmod", "/") { fchmod(upper, mode_t(status.mode)) }
    let time = timespec(
      tv_sec: Int(status.modified / 1_000_000_000), tv_nsec: Int(status.modified % 1_000_000_000))
    let times = [time, time]
    try systemCall("utimens", "/") { futimens(upper, times) }
  }
}
