// The second step of unpacking a layer: what it says only together with the layers below it.
internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

package enum LayerCompletion {
  /// Settles what the extraction of a layer left open, by what `lower` shows: directories that the archive only implies
  /// get the metadata of those below, hard links to files of lower layers become copies of them, an opaque root becomes
  /// a whiteout of each name below. Without lower layers a link's target is missing, which is an error.
  package static func complete(
    _ layer: Int32, _ unresolved: UnresolvedEntries, lower: LowerChain, mode: OverlayMode, failure: ArchiveFailure
  ) throws {
    let completion = Completion(layer: layer, lower: lower, mode: mode, failure: failure)
    do {
      var copied: Set<[UInt8]> = []
      for link in unresolved.links {
        try completion.link(link.path, to: link.target, isCopied: copied.contains(link.target))
        copied.insert(link.path)
      }
      for path in unresolved.impliedDirectories { try completion.adopt(path) }
      if unresolved.hidesEverything { try completion.hideEverything() }
    } catch let error as SystemError {
      throw failure.system(error)
    }
  }
}

private struct Completion {
  let layer: Int32
  let lower: LowerChain
  let mode: OverlayMode
  let failure: ArchiveFailure

  private func openInLayer(_ path: ArraySlice<UInt8>, _ flags: Int32) throws(SystemError) -> OwnedDescriptor {
    try openBelow(layer, path, flags)
  }

  private func split(_ path: [UInt8]) -> (parent: ArraySlice<UInt8>, name: [CChar]) {
    let slash = path.lastIndex(of: UInt8(ascii: "/"))
    let name = slash.map { path[($0 + 1)...] } ?? path[...]
    return (slash.map { path[..<$0] } ?? [], name.map(CChar.init(bitPattern:)) + [0])
  }

  /// A directory's metadata from the one below it, when there is one.
  func adopt(_ path: [UInt8]) throws {
    guard let below = try lower.open(path, flags: O_RDONLY | O_DIRECTORY) else { return }
    let status = try File.status(below.raw)
    let directory = try openInLayer(path[...], O_RDONLY | O_DIRECTORY)
    try copyMetadata(status, from: below.raw, to: directory.raw, path)
  }

  private func copyMetadata(_ status: FileStatus, from: Int32, to: Int32, _ path: [UInt8]) throws {
    let shown = shownPath(path)
    try systemCall("chown", shown) { fchown(to, status.uid, status.gid) }
    for attribute in try AttributePolicy.read(from, shown: shown) {
      let name = attribute.name.map(CChar.init(bitPattern:)) + [0]
      try systemCall("setxattr", shown) { dhow_fsetxattr(to, name, attribute.value, attribute.value.count) }
    }
    try systemCall("chmod", shown) { fchmod(to, status.mode) }
    try setTimes(to, status, shown)
  }

  private func setTimes(_ descriptor: Int32, _ status: FileStatus, _ shown: String) throws(SystemError) {
    let seconds = Timestamp(nanoseconds: status.modified).seconds
    let time = timespec(tv_sec: Int(seconds), tv_nsec: Int(status.modified - seconds * 1_000_000_000))
    let times = [time, time]
    try systemCall("utimens", shown) { futimens(descriptor, times) }
  }

  func link(_ path: [UInt8], to target: [UInt8], isCopied: Bool) throws {
    let (parentPath, name) = split(path)
    let parent = try openInLayer(parentPath, O_RDONLY | O_DIRECTORY)
    var status = stat()
    // An entry that came later has taken the name.
    if fstatat(parent.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { return }
    let before = try File.status(parent.raw)
    if isCopied {
      let (holderPath, targetName) = split(target)
      let holder = try openInLayer(holderPath, O_RDONLY | O_DIRECTORY)
      try systemCall("link", shownPath(path)) { linkat(holder.raw, targetName, parent.raw, name, 0) }
    } else {
      try copy(target, to: parent.raw, name, path)
    }
    try setTimes(parent.raw, before, shownPath(path))
  }

  /// Brings a file of a lower layer up, as overlayfs does before it makes a link.
  private func copy(_ target: [UInt8], to parent: Int32, _ name: [CChar], _ path: [UInt8]) throws {
    let missing = failure.corrupt("the hard link \(shownPath(path)) leads to \(shownPath(target)), which is not there")
    guard let kind = try lower.status(target)?.kind else { throw missing }
    guard kind == .regular else {
      throw failure.corrupt("the hard link \(shownPath(path)) leads to something that is no file")
    }
    guard let source = try lower.open(target) else { throw missing }
    let raw = try systemCall("create", shownPath(path)) {
      openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    }
    let file = OwnedDescriptor(owning: raw)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try File.read(source.raw, into: buffer, shown: shownPath(target))
      if count == 0 { break }
      try File.writeAll(file.raw, UnsafeRawBufferPointer(rebasing: buffer[..<count]), shown: shownPath(path))
    }
    try copyMetadata(try File.status(source.raw), from: source.raw, to: file.raw, path)
  }

  /// overlayfs does not ask whether a layer's root is opaque, so each name below it is hidden by itself.
  func hideEverything() throws {
    let before = try File.status(layer)
    for name in try lower.names([]) {
      let text = name.map(CChar.init(bitPattern:)) + [0]
      if mknodat(layer, text, S_IFCHR, 0) == 0 { continue }
      guard errno == EEXIST else { throw SystemError("mknod", shownPath(name)) }
      let raw = openat(layer, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      if raw < 0 { continue }  // No directory: it hides the name by being there.
      let directory = OwnedDescriptor(owning: raw)
      try AttributePolicy.setOpaque(directory.raw, mode, shown: shownPath(name))
    }
    try setTimes(layer, before, "the layer's root")
  }
}
