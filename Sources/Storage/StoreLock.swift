package import Basics
internal import Glibc
import LinuxKernel

/// A lock on a part of the store. Readers take none; a writer takes at most one of each kind, in the order of the table,
/// and holds none over a network transfer, a child's run or the extraction of a layer.
///
/// | order | kind | file | who changes what under it |
/// |---|---|---|---|
/// | 0 | sweep | locks/sweep | one process at a time removes what the dead left; nobody waits for it |
/// | 1 | container | containers/ID/lock | start, stop, rename, remove of one container |
/// | 2 | volume | volumes/NAME/lock | use and removal of one volume |
/// | 3 | content | locks/content | exclusive: index.json, and deciding what is garbage; shared: making new use of it |
/// | 4 | names | locks/names | putting a name in the place of a stale one |
///
/// The kernel frees the lock of a dead holder. The file holds the pid of the last one who took it.
///
/// The kernel's locks know no turns: those who share would keep out for ever who wants a lock alone. So whoever has to
/// wait for `content` alone holds `locks/content.next` meanwhile, and those who share let them go first.
package struct StoreLock: ~Copyable {
  package enum Kind: Equatable, Sendable {
    case sweep
    case container(String)
    case volume(String)
    case content
    case names

    var order: Int {
      switch self {
      case .sweep: 0
      case .container: 1
      case .volume: 2
      case .content: 3
      case .names: 4
      }
    }

    var path: String {
      switch self {
      case .sweep: StatePath.lock("sweep")
      case .container(let id): StatePath.containerLock(id)
      case .volume(let name): StatePath.volumeLock(name)
      case .content: StatePath.lock("content")
      case .names: StatePath.lock("names")
      }
    }

    /// Locked by whoever waits for the lock alone.
    var turnPath: String { path + ".next" }

    /// The thing locked, in words.
    var words: String {
      switch self {
      case .sweep: "the store's cleaning"
      case .container(let id): "container \(Identifier.short(id))"
      case .volume(let name): "volume \(name)"
      case .content: "the store's images"
      case .names: "the container names"
      }
    }
  }

  private let directory: StateDirectory
  private let kind: Kind
  private let lock: FileLock

  private init(_ directory: StateDirectory, _ kind: Kind, _ lock: consuming FileLock) {
    self.directory = directory
    self.kind = kind
    self.lock = lock
    directory.heldOrders.append(kind.order)
  }

  deinit {
    if let index = directory.heldOrders.lastIndex(of: kind.order) { directory.heldOrders.remove(at: index) }
  }

  /// The lock that a container's draft held turned into that of the container it became.
  init(adopting lock: consuming FileLock, of id: String, in directory: StateDirectory) {
    self.init(directory, .container(id), lock)
  }

  /// Waits for the lock. After two seconds the waiter says on standard error whom it waits for.
  package static func acquire(
    _ kind: Kind, in directory: StateDirectory, shared: Bool = false
  ) throws(EngineError) -> StoreLock {
    try acquire(kind, in: directory, shared: shared) { sentence in
      // Nobody can be told when standard error itself is broken.
      try? File.writeAll(2, Array("dhow: \(sentence)\n".utf8))
    }
  }

  static func acquire(
    _ kind: Kind, in directory: StateDirectory, shared: Bool, patience: Int64 = 2_000_000_000,
    announce: (String) -> Void
  ) throws(EngineError) -> StoreLock {
    checkOrder(kind, directory)
    return try during("waiting for \(kind.words)") {
      let root = directory.root.raw
      func isNext() throws(SystemError) -> Bool {
        guard shared else { return true }
        return try !FileLock.isHeld(at: root, kind.turnPath)
      }
      if try isNext(), let lock = try attempt(kind, in: directory, shared: shared) { return lock }
      var turn: FileLock?
      let deadline = MonotonicClock.now + patience
      var pause: UInt32 = 500
      while MonotonicClock.now < deadline {
        usleep(pause)
        if !shared, kind == .content, turn == nil { turn = try FileLock.attempt(at: root, kind.turnPath) }
        if try isNext(), let lock = try attempt(kind, in: directory, shared: shared) { return lock }
        pause = min(pause * 2, 20_000)
      }
      announce("waiting for \(kind.words), which \(holder(of: kind, in: directory)) holds")
      if kind == .content, turn == nil { turn = try FileLock.acquire(at: root, kind.turnPath, shared: shared) }
      if shared { turn = nil }
      defer { withExtendedLifetime(turn) {} }
      // In the kernel's queue from here on: nobody who comes later is served before us for ever.
      let lock = try FileLock.acquire(at: directory.root.raw, kind.path, shared: shared)
      return try StoreLock(directory, kind, signed(lock))
    }
  }

  /// The lock when it is free, nil when somebody holds it. Who does not wait needs no order.
  package static func attempt(
    _ kind: Kind, in directory: StateDirectory, shared: Bool = false
  ) throws(EngineError) -> StoreLock? {
    try during("locking \(kind.words)") {
      guard let lock = try FileLock.attempt(at: directory.root.raw, kind.path, shared: shared) else { return nil }
      return try StoreLock(directory, kind, signed(lock))
    }
  }

  /// Writes our pid into the locked file, for whoever waits. On a full disk the file stays empty and the waiter has no
  /// number: what makes room takes locks as well.
  private static func signed(_ lock: consuming FileLock) throws(SystemError) -> FileLock {
    let digits = String(getpid())
    do throws(SystemError) {
      try File.writeAll(lock.raw, Array((digits + String(repeating: " ", count: 11 - digits.count) + "\n").utf8))
    } catch {
      guard error.errno == ENOSPC || error.errno == EDQUOT else { throw error }
    }
    return lock
  }

  private static func holder(of kind: Kind, in directory: StateDirectory) -> String {
    // Only words for a person: a file that cannot be read leaves the holder without a number.
    guard let bytes = try? File.readAll(at: directory.root.raw, kind.path, limit: 64),
      let pid = Int32(String(decoding: bytes.prefix { $0 > 0x20 }, as: UTF8.self))
    else { return "another process" }
    return "process \(pid)"
  }

  /// Taking locks out of order would let two processes wait for each other for ever.
  private static func checkOrder(_ kind: Kind, _ directory: StateDirectory) {
    assert(
      directory.heldOrders.allSatisfy { $0 < kind.order },
      "\(kind.words) is locked after a lock of order \(directory.heldOrders)")
  }
}
