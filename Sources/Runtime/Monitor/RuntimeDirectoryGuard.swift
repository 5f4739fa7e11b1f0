internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// What a living container has in its runtime directory: the lock that says its monitor lives, the socket `attach`,
/// and small files such as state.json. When the directory is deleted under it (cleaners of temporary files, a logout
/// without linger) all of it is made again, noticed through inotify(7) without polling (SECURITY F8).
///
/// The watch begins only when the container has lived for a moment, with a look at what happened until then: the kernel
/// takes up to a millisecond to end one, which short runs would pay for.
final class RuntimeDirectoryGuard {
  static let lockName = "lock"
  static let socketName = "attach"
  private static let remembersAtMost = 65_536
  /// A deletion in progress is let finish before anything is made again.
  private static let settleNanoseconds: Int64 = 50_000_000
  /// When the watch begins.
  private static let unwatchedNanoseconds: Int64 = 250_000_000
  /// How often is looked when there is nothing to watch with: the user's instances are used up (128 of one user, unless
  /// fs.inotify.max_user_instances says otherwise).
  private static let pollNanoseconds: Int64 = 5_000_000_000
  // inotify(7)
  private static let watchMask: UInt32 = 0x8 | 0x40 | 0x80 | 0x200 | 0x400 | 0x800
  private static let ancestorMask: UInt32 = 0x80 | 0x100 | 0x400 | 0x800

  private let path: String
  private let loop: EventLoop
  private let accept: (Int32) -> Void
  private var directory: OwnedDescriptor
  private var lock: FileLock?
  private var listener: Int32 = -1
  private var socketInode: UInt64 = 0
  private var inotify: Int32 = -1
  private var remembered: [(name: String, mode: UInt32, content: [UInt8])] = []
  private var dueCheck: Int?
  private static let attemptsAtMost = 7
  private var attempts = 0
  private var isReleased = false

  /// Takes the lock and listens on the socket.
  /// - Parameters:
  ///   - path: the absolute path of the directory, which exists.
  ///   - accept: takes over each connection.
  /// - Throws: `EngineError`, of kind `wrongState` when another monitor holds the lock.
  init(path: String, loop: EventLoop, accept: @escaping (Int32) -> Void) throws(EngineError) {
    self.path = path
    self.loop = loop
    self.accept = accept
    do throws(SystemError) {
      directory = try File.openDirectory(path)
    } catch { throw error.engineError("opening the container's runtime directory") }
    do throws(SystemError) {
      lock = try FileLock.attempt(at: directory.raw, Self.lockName)
      if lock != nil { try listen() }
    } catch { throw error.engineError("preparing the container's runtime directory") }
    if lock == nil {
      throw EngineError(.wrongState, "starting the container's monitor", "the container has a monitor already")
    }
  }

  deinit { release() }

  /// Called when the directory has all its files.
  func beginWatching() {
    remember()
    loop.after(nanoseconds: Self.unwatchedNanoseconds) { [weak self] in
      if let self, !self.isReleased { self.watch() }
    }
  }

  private func watch() {
    inotify = dhow_inotify_init()
    guard inotify >= 0 else { return poll() }
    // A descriptor that was made just now can be watched, or there is no memory: then nothing is made again.
    try? loop.watch(inotify, .readable) { [unowned self] _ in self.readEvents() }
    watchDirectory()
    check()
  }

  private func poll() {
    check()
    loop.after(nanoseconds: Self.pollNanoseconds) { [weak self] in
      if let self, !self.isReleased { self.poll() }
    }
  }

  /// Makes nothing again from here on; lock and socket stay.
  func stopWatching() {
    isReleased = true
    guard inotify >= 0 else { return }
    loop.forget(inotify)
    close(inotify)
    inotify = -1
  }

  /// Lets go of lock and socket; the directory is the caller's again.
  func release() {
    stopWatching()
    closeListener()
    lock = nil
  }

  private func listen() throws(SystemError) {
    // A stale socket of a killed monitor has no listener; a name that is bound cannot be bound again.
    try File.removeIfPresent(at: directory.raw, Self.socketName)
    let directory = self.directory.raw
    let socket = try systemCall("bind", Self.socketName) { dhow_unix_listen(directory, Self.socketName) }
    closeListener()
    listener = socket
    socketInode = try File.status(at: directory, Self.socketName).inode
    try loop.watch(socket, .readable) { [unowned self] _ in self.acceptAll() }
  }

  private func closeListener() {
    guard listener >= 0 else { return }
    loop.forget(listener)
    close(listener)
    listener = -1
  }

  private func acceptAll() {
    while listener >= 0 {
      let connection = dhow_accept4(listener, O_NONBLOCK | O_CLOEXEC)
      if connection < 0 { return }
      accept(connection)
    }
  }

  private func watchDirectory() {
    guard inotify >= 0 else { return }
    _ = dhow_inotify_add(inotify, "/proc/self/fd/\(directory.raw)", Self.watchMask)
  }

  private func readEvents() {
    var events = [UInt8](repeating: 0, count: 4096)
    while read(inotify, &events, events.count) > 0 {}
    // A deletion that is still going on would be disturbed by new files: it begins anew with each event.
    if let dueCheck { loop.cancel(deadline: dueCheck) }
    dueCheck = loop.after(nanoseconds: Self.settleNanoseconds) { [weak self] in
      guard let self else { return }
      self.dueCheck = nil
      if !self.isReleased { self.check() }
    }
  }

  /// Keeps what the small files hold, so that they can be written again.
  private func remember() {
    // A file that cannot be read now is not remembered; there is nobody to tell and nothing else is lost by it.
    guard let entries = try? File.list(directory.raw) else { return }
    var kept: [(name: String, mode: UInt32, content: [UInt8])] = []
    var size = 0
    for entry in entries where entry.name != Self.lockName && !entry.isDirectory {
      guard let status = try? File.status(at: directory.raw, entry.name), status.kind == .regular,
        size + Int(status.size) <= Self.remembersAtMost,
        let content = try? File.readAll(at: directory.raw, entry.name, limit: Self.remembersAtMost)
      else { continue }
      size += content.count
      kept.append((entry.name, status.mode, content))
    }
    for old in remembered where !kept.contains(where: { $0.name == old.name }) { kept.append(old) }
    remembered = kept
  }

  private func check() {
    do throws(SystemError) {
      if try !isSameDirectory() {
        try makeDirectories()
        directory = try File.openDirectory(path)
        watchDirectory()
      }
      try restoreFiles()
      attempts = 0
    } catch {
      watchAncestor()
      retry()
    }
  }

  /// What removed the directory may still be at work, and its last act may have come before the watch: looks again a few
  /// times, each after twice the wait, 12 seconds in all. After that only an event makes us look.
  private func retry() {
    guard attempts < Self.attemptsAtMost else { return }
    attempts += 1
    loop.after(nanoseconds: Self.settleNanoseconds << Int64(attempts)) { [weak self] in
      if let self, !self.isReleased { self.check() }
    }
  }

  private func isSameDirectory() throws(SystemError) -> Bool {
    let own = try File.status(directory.raw)
    do throws(SystemError) {
      let found = try File.status(at: File.workingDirectory, path)
      return found.inode == own.inode && found.device == own.device
    } catch {
      if error.errno == ENOENT || error.errno == ENOTDIR { return false }
      throw error
    }
  }

  private func makeDirectories() throws(SystemError) {
    var prefix = ""
    for part in path.split(separator: "/") {
      prefix += "/\(part)"
      try File.ensureDirectory(prefix)
    }
  }

  private func restoreFiles() throws(SystemError) {
    for file in remembered where try !File.exists(at: directory.raw, file.name) { try write(file) }
    if let held = lock?.raw, try !isAt(Self.lockName, inode: try File.status(held).inode) {
      lock = try FileLock.attempt(at: directory.raw, Self.lockName) ?? lock.take()
    }
    if try !isAt(Self.socketName, inode: socketInode) { try listen() }
    remember()
  }

  private func isAt(_ name: String, inode: UInt64) throws(SystemError) -> Bool {
    guard try File.exists(at: directory.raw, name) else { return false }
    return try File.status(at: directory.raw, name).inode == inode
  }

  private func write(_ file: (name: String, mode: UInt32, content: [UInt8])) throws(SystemError) {
    let temporary = ".\(file.name).new"
    let opened = try File.open(
      at: directory.raw, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: file.mode)
    try File.writeAll(opened.raw, file.content, shown: file.name)
    try File.rename(at: directory.raw, temporary, to: directory.raw, file.name)
  }

  /// The directory cannot be made now (after a logout its parent is gone, and is not ours to make): wait until
  /// something appears where it belongs.
  private func watchAncestor() {
    guard inotify >= 0 else { return }
    var parts = path.split(separator: "/")
    while !parts.isEmpty {
      parts.removeLast()
      if dhow_inotify_add(inotify, "/" + parts.joined(separator: "/"), Self.ancestorMask) >= 0 { return }
    }
  }
}
