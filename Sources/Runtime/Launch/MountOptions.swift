internal import Glibc

/// Options of one mount, taken apart (runtime-spec config.md, "Linux mount options").
struct MountOptions {
  /// MS_ flags for mount(2) of a file system.
  var flags: UInt = 0
  /// MOUNT_ATTR_ bits for mount_setattr(2) of a bind.
  var attributes: UInt64 = 0
  /// MOUNT_ATTR_ bits for the whole tree.
  var recursiveAttributes: UInt64 = 0
  /// MS_PRIVATE, MS_SLAVE, MS_SHARED or MS_UNBINDABLE.
  var propagation: UInt = UInt(MS_PRIVATE)
  var isRecursive = false
  /// What is left, for the file system itself.
  var data: [String] = []

  static let readOnly: UInt64 = 0x1

  init(_ words: [String]) {
    for word in words { take(word) }
  }

  private mutating func take(_ word: String) {
    switch word {
    case "bind", "rw", "suid", "dev", "exec", "async", "atime", "defaults", "diratime", "norelatime": break
    case "rbind": isRecursive = true
    case "ro": set(UInt(MS_RDONLY), Self.readOnly)
    case "nosuid": set(UInt(MS_NOSUID), 0x2)
    case "nodev": set(UInt(MS_NODEV), 0x4)
    case "noexec": set(UInt(MS_NOEXEC), 0x8)
    case "noatime": set(UInt(MS_NOATIME), 0x10)
    case "strictatime": set(UInt(MS_STRICTATIME), 0x20)
    case "relatime": set(UInt(MS_RELATIME), 0)
    case "nodiratime": set(UInt(MS_NODIRATIME), 0x80)
    case "nosymfollow": set(256, 0x20_0000)
    case "sync": set(UInt(MS_SYNCHRONOUS), 0)
    case "dirsync": set(UInt(MS_DIRSYNC), 0)
    case "rro": recursiveAttributes |= Self.readOnly
    case "rnosuid": recursiveAttributes |= 0x2
    case "rnodev": recursiveAttributes |= 0x4
    case "rnoexec": recursiveAttributes |= 0x8
    case "private", "rprivate": propagation = UInt(MS_PRIVATE)
    case "slave", "rslave": propagation = UInt(MS_SLAVE)
    case "shared", "rshared": propagation = UInt(MS_SHARED)
    case "unbindable", "runbindable": propagation = UInt(MS_UNBINDABLE)
    default: data.append(word)
    }
  }

  private mutating func set(_ flag: UInt, _ attribute: UInt64) {
    flags |= flag
    attributes |= attribute
  }
}
