package import Basics
internal import Glibc
import LinuxKernel

/// How much trees take. Names are handled as the bytes they are: a layer may have any.
package struct SpaceUsage {
  package let directory: StateDirectory

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// Bytes on disk that a file, or a directory with all below it, takes, as du(1) counts them: allocated blocks, each inode
  /// once. 0 when it does not exist.
  package func allocated(_ path: String) throws(EngineError) -> Int64 {
    try during("measuring \(path)") {
      var measure = Measure { Int64($0.st_blocks) * 512 }
      try measure.add(at: directory.root.raw, path, shown: path)
      return measure.total
    }
  }

  /// Bytes of the regular files below an open directory, each inode once: what docker's SIZE adds up.
  static func content(of tree: Int32) throws(SystemError) -> Int64 {
    var measure = Measure { $0.st_mode & S_IFMT == S_IFREG ? Int64($0.st_size) : 0 }
    try measure.add(at: tree, ".", shown: "a layer")
    return measure.total
  }
}

private struct Measure {
  private struct Inode: Hashable {
    var device: dev_t
    var number: ino_t
  }

  private let weight: (stat) -> Int64
  private var seen: Set<Inode> = []
  private(set) var total: Int64 = 0

  init(_ weight: @escaping (stat) -> Int64) { self.weight = weight }

  /// Deeper trees than this are not made by anything of ours (`ArchiveLimits.depth`), and cost a descriptor a level.
  private static let depthLimit = 900

  mutating func add(
    at parent: Int32, _ name: UnsafePointer<CChar>, shown: String, depth: Int = 0
  ) throws(SystemError) {
    var status = stat()
    guard fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      // Something that goes while we look takes no space.
      if errno == ENOENT { return }
      throw SystemError("stat", shown)
    }
    let isDirectory = status.st_mode & S_IFMT == S_IFDIR
    if status.st_nlink > 1, !isDirectory,
      !seen.insert(Inode(device: status.st_dev, number: status.st_ino)).inserted
    {
      return
    }
    total += weight(status)
    guard isDirectory, depth < Self.depthLimit else { return }
    let opened = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard opened >= 0 else {
      if errno == ENOENT { return }
      throw SystemError("open", shown)
    }
    guard let stream = fdopendir(opened) else {
      close(opened)
      throw SystemError("opendir", shown)
    }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      // The kernel ends names with a NUL and gives the two dot names like any other.
      guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { return }
      let child = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
      if strcmp(child, ".") == 0 || strcmp(child, "..") == 0 { continue }
      try add(at: opened, child, shown: shown, depth: depth + 1)
    }
  }
}
