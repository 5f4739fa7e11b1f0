internal import Glibc
package import LinuxKernel

/// Gives trees to other owners.
package enum TreeOwnership {
  /// Gives the directory `root` and all below it to a user and a group, links themselves and not what they lead to. What has
  /// these owners already is not touched, so that a second pass writes nothing.
  package static func give(_ root: Int32, toUser user: UInt32, group: UInt32, failure: ArchiveFailure) throws {
    do {
      var status = stat()
      try systemCall("stat", "the tree") { fstat(root, &status) }
      if status.st_uid != user || status.st_gid != group {
        try systemCall("chown", "the tree") { fchown(root, user, group) }
      }
      guard status.st_mode & S_IFMT == S_IFDIR else { return }
      try TreeWalk.visit(root) { item in
        if item.status.st_uid != user || item.status.st_gid != group {
          try systemCall("chown", item.shown) {
            fchownat(item.directory, item.name, user, group, AT_SYMLINK_NOFOLLOW)
          }
        }
        return true
      }
    } catch let error as SystemError {
      throw failure.system(error)
    }
  }
}
