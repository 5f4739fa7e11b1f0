internal import Basics
internal import Dockerfile
internal import Glibc
internal import LinuxKernel
internal import Storage

/// The directories of `RUN --mount=type=cache`, which outlive builds.
struct CacheMountStore {
  /// Copies of one private cache at a time.
  private static let copies = 64

  private let directory: StateDirectory

  init(_ directory: StateDirectory) { self.directory = directory }

  /// A cache in use: its lock is held for as long as the value lives.
  final class Opened {
    let path: String
    let isNew: Bool
    private let lock: FileLock

    init(path: String, isNew: Bool, lock: consuming FileLock) {
      self.path = path
      self.isNew = isNew
      self.lock = lock
    }
  }

  /// - Parameter name: a hash of the id, never the id itself (SECURITY D4).
  func open(
    _ name: String, sharing: CacheMount.Sharing, mode: UInt32, owner: (UInt32, UInt32), doing: String
  ) throws -> Opened {
    try BuildCache(directory).prepare()
    switch sharing {
    case .shared, .locked:
      let isNew = try make(name, mode, owner)
      let lock = try FileLock.acquire(
        at: directory.root.raw, lockPath(name), shared: sharing == .shared)
      return Opened(path: path(name), isNew: isNew, lock: lock)
    case .private:
      for number in 0..<Self.copies {
        let copy = number == 0 ? name : "\(name)-\(number)"
        let isNew = try make(copy, mode, owner)
        if let lock = try FileLock.attempt(at: directory.root.raw, lockPath(copy), shared: false) {
          return Opened(path: path(copy), isNew: isNew, lock: lock)
        }
      }
      throw EngineError(.limitReached, doing, "\(Self.copies) builds use copies of the same private cache")
    }
  }

  private func path(_ name: String) -> String { "\(directory.location.root)/\(StatePath.buildMount(name))/data" }

  private func lockPath(_ name: String) -> String { StatePath.buildMount(name) + "/lock" }

  private func make(_ name: String, _ mode: UInt32, _ owner: (UInt32, UInt32)) throws -> Bool {
    let home = StatePath.buildMount(name)
    try File.ensureDirectory(at: directory.root.raw, home)
    utimensat(directory.root.raw, home, nil, 0)
    guard try File.ensureDirectory(at: directory.root.raw, home + "/data") else { return false }
    let data = try File.openDirectory(at: directory.root.raw, home + "/data")
    try systemCall("chown", "a cache mount") { fchown(data.raw, owner.0, owner.1) }
    try systemCall("chmod", "a cache mount") { fchmod(data.raw, mode_t(mode)) }
    return true
  }
}
