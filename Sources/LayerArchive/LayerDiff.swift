// What a container changed: docker's `diff`.
internal import Basics
internal import Glibc
internal import LinuxKernel

/// One change of a writable layer against what is below it.
package struct LayerChange: Equatable, Sendable {
  /// The letters docker prints; in its API 0, 1 and 2 in the order C, A, D.
  package enum Kind: String, Sendable {
    case changed = "C"
    case added = "A"
    case deleted = "D"
  }
  package var kind: Kind
  /// With a leading slash, as bytes.
  package var path: [UInt8]
}

package enum LayerDiff {
  /// The changes that an overlay's upper directory holds, sorted by path. A directory counts as changed when something
  /// in it is, or its own owner or mode; what only overlayfs copied up on its way does not. Of a directory that was
  /// removed, and of one that was replaced, the removal is said and not each thing that went with it.
  /// - Parameter stubs: paths where the engine mounts something; what it made there only to mount on is no change.
  package static func changes(
    upper: Int32, lower: LowerChain, mode: OverlayMode, stubs: Set<[UInt8]> = [], failure: ArchiveFailure
  ) throws -> [LayerChange] {
    var changes: [[UInt8]: LayerChange.Kind] = [:]
    var stubDirectories: [[UInt8]] = []
    do {
      try TreeWalk.visit(upper) { item in
        let below = try lower.status(item.path)
        if isWhiteoutStatus(item.status) {
          if below != nil { changes[item.path] = .deleted }
        } else if let below {
          if !item.isDirectory || isChanged(item, below) { changes[item.path] = .changed }
          if item.isDirectory, below.kind == .directory { try addHidden(item, lower, mode, failure, &changes) }
        } else if stubs.contains(item.path), item.isDirectory {
          stubDirectories.append(item.path)
        } else if !stubs.contains(item.path) || item.status.st_size > 0 {
          changes[item.path] = .added
        }
        return true
      }
    } catch let error as SystemError {
      throw failure.system(error)
    }
    return finished(changes, stubDirectories)
  }

  /// Changes between two stacks of writable layers, topmost first, over layers they have in common. Only what one of the
  /// layers that are not in both stacks has, or hides, is looked at.
  package static func changes(
    from: [Int32], to: [Int32], common: [Int32], mode: OverlayMode, stubs: Set<[UInt8]> = [], failure: ArchiveFailure
  ) throws -> [LayerChange] {
    let before = LowerChain(from + common, mode: mode)
    let after = LowerChain(to + common, mode: mode)
    var paths: Set<[UInt8]> = []
    do {
      for layer in from + to {
        try TreeWalk.visit(layer) { item in
          paths.insert(item.path)
          guard item.isDirectory else { return true }
          let directory = try item.open(O_RDONLY | O_DIRECTORY)
          try OverlayUpper.refuseRedirect(directory.raw, mode, item, failure)
          if AttributePolicy.isOpaque(directory.raw, mode) {
            for name in try before.names(item.path).union(after.names(item.path)) {
              paths.insert(item.path + [UInt8(ascii: "/")] + name)
            }
          }
          return true
        }
      }
      return try compare(paths, before, after, stubs)
    } catch let error as SystemError {
      throw failure.system(error)
    }
  }

  private static func compare(
    _ paths: Set<[UInt8]>, _ before: LowerChain, _ after: LowerChain, _ stubs: Set<[UInt8]>
  ) throws -> [LayerChange] {
    var changes: [[UInt8]: LayerChange.Kind] = [:]
    var stubDirectories: [[UInt8]] = []
    for path in paths {
      switch (try before.status(path), try after.status(path)) {
      case (nil, nil): break
      case (nil, let now?):
        if !stubs.contains(path) || (now.kind != .directory && now.size > 0) {
          changes[path] = .added
        } else if now.kind == .directory {
          stubDirectories.append(path)
        }
      case (let old?, nil):
        // Of a directory that is gone only itself is said, and of a stub nothing.
        let parent = path.lastIndex(of: UInt8(ascii: "/")).map { Array(path[..<$0]) } ?? []
        let isStub = stubs.contains(path) && (old.kind == .directory || old.size == 0)
        if !isStub, try after.status(parent)?.kind == .directory { changes[path] = .deleted }
      case (let old?, let now?):
        if old.device == now.device, old.inode == now.inode { break }
        let isSame =
          old.kind == .directory && now.kind == .directory && old.mode == now.mode && old.uid == now.uid
          && old.gid == now.gid
        if !isSame { changes[path] = .changed }
      }
    }
    return finished(changes, stubDirectories.sorted { $0.lexicographicallyPrecedes($1) })
  }

  /// With the directories that a change in them makes changes, sorted.
  private static func finished(
    _ found: [[UInt8]: LayerChange.Kind], _ stubDirectories: [[UInt8]]
  ) -> [LayerChange] {
    var changes = found
    // One that the program filled meanwhile is there for good; the deepest first, so that its parents see it.
    for path in stubDirectories.reversed()
    where changes.keys.contains(where: { $0.starts(with: path + [UInt8(ascii: "/")]) }) {
      changes[path] = .added
    }
    // A directory with a change in it is one too.
    for path in Array(changes.keys) {
      var end = path.count
      while let slash = path[..<end].lastIndex(of: UInt8(ascii: "/")) {
        end = slash
        if changes[Array(path[..<end])] != nil { break }
        changes[Array(path[..<end])] = .changed
      }
    }
    return changes.map { LayerChange(kind: $0.value, path: [UInt8(ascii: "/")] + $0.key) }
      .sorted { $0.path.lexicographicallyPrecedes($1.path) }
  }

  private static func isChanged(_ item: TreeItem, _ below: FileStatus) -> Bool {
    below.kind != .directory || item.status.st_mode & 0o7777 != below.mode || item.status.st_uid != below.uid
      || item.status.st_gid != below.gid
  }

  /// What an opaque directory hides and does not have itself.
  private static func addHidden(
    _ item: TreeItem, _ lower: LowerChain, _ mode: OverlayMode, _ failure: ArchiveFailure,
    _ changes: inout [[UInt8]: LayerChange.Kind]
  ) throws {
    let directory = try item.open(O_RDONLY | O_DIRECTORY)
    try OverlayUpper.refuseRedirect(directory.raw, mode, item, failure)
    guard AttributePolicy.isOpaque(directory.raw, mode) else { return }
    for name in try lower.names(item.path) {
      var status = stat()
      if fstatat(directory.raw, name.map(CChar.init(bitPattern:)) + [0], &status, AT_SYMLINK_NOFOLLOW) == 0 { continue }
      changes[item.path + [UInt8(ascii: "/")] + name] = .deleted
    }
  }
}
