internal import Basics
internal import CLinux
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

/// Mounts of this process alone, for looking into stages and for the mounts of RUN. They are in a mount namespace of its
/// own and end with it, however it ends.
final class RootViews {
  private let directory: StateDirectory
  private let isRootless: Bool
  /// Where they are mounted: a staging area of the build.
  private let area: StagingArea
  private var isEntered = false
  private var made = 0
  private var views: [String: String] = [:]
  private var mounted: [String] = []

  init(_ directory: StateDirectory, isRootless: Bool) throws(EngineError) {
    self.directory = directory
    self.isRootless = isRootless
    area = try StagingArea(in: directory)
  }

  deinit {
    for place in mounted.reversed() where umount2(place, Int32(MNT_DETACH)) != 0 {
      // Nobody may empty the area while something else shows in it: it is left to the next writer, who sees no mounts.
      _ = Unmanaged.passRetained(area)
      return
    }
  }

  private var root: String { directory.location.root }

  /// An empty directory of the build's own, as an absolute path.
  func scratch(_ kind: String, mode: UInt32 = 0o755) throws(EngineError) -> String {
    made += 1
    let name = "\(kind)-\(made)"
    try during("making a directory for the build") {
      try File.makeDirectory(at: area.descriptor.raw, name, mode: 0o700)
      try systemCall("chmod", name) { fchmodat(area.descriptor.raw, name, mode, 0) }
    }
    return "\(root)/\(area.path(name))"
  }

  private func enter() throws(EngineError) {
    if isEntered { return }
    try during("making a mount namespace for the build") {
      try systemCall("unshare") { dhow_unshare(Int32(DHOW_CLONE_NEWNS)) }
      // Nothing of ours is seen outside.
      try systemCall("mount", "/") { mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil) }
    }
    isEntered = true
  }

  /// A read-only view of layers, as an absolute path; made once for each stack.
  /// - Parameter trees: absolute paths, the topmost first.
  func view(_ trees: [String]) throws(EngineError) -> String {
    let key = trees.joined(separator: "\n")
    if let known = views[key] { return known }
    let place = try overlay(trees, writable: false)
    views[key] = place
    return place
  }

  /// A view whose changes are thrown away with the build.
  func writableView(_ trees: [String]) throws(EngineError) -> String { try overlay(trees, writable: true) }

  private func overlay(_ trees: [String], writable: Bool) throws(EngineError) -> String {
    try enter()
    var trees = trees
    // An overlay without a writable layer needs two others.
    while trees.count < (writable ? 1 : 2) { trees.append(try scratch("empty")) }
    let target = try scratch("view")
    let upper = writable ? [try scratch("upper"), try scratch("work")] : []
    return try during("looking into the layers of a stage") {
      // After unshare: overlay takes no mounts of another mount namespace.
      var opened: [OwnedPlace] = []
      for tree in trees + upper { opened.append(OwnedPlace(try File.openDirectory(tree))) }
      var options = "lowerdir=" + opened[..<trees.count].map { "\($0.raw)" }.joined(separator: ":")
      if writable { options += ",upperdir=\(opened[trees.count].raw),workdir=\(opened[trees.count + 1].raw)" }
      options += isRootless ? ",userxattr" : ",redirect_dir=off,index=off,metacopy=off"
      guard options.utf8.count < 4096 else { throw SystemError("mount", "\(trees.count) layers", errno: E2BIG) }
      let place = OwnedPlace(try File.open(target, 0o10000000))  // O_PATH
      let here = OwnedPlace(try File.openDirectory("."))
      try systemCall("chdir", "/proc/self/fd") { chdir("/proc/self/fd") }
      defer { fchdir(here.raw) }
      let flags = MS_NODEV | (writable ? 0 : MS_RDONLY)
      try systemCall("mount", "the files of a stage") {
        mount("overlay", "\(place.raw)", "overlay", UInt(flags), options)
      }
      mounted.append(target)
      return target
    }
  }

  /// Something in a view or elsewhere, mounted at a path that nobody else can change, to be mounted from there.
  func pin(_ place: Int32, isDirectory: Bool) throws(EngineError) -> String {
    try enter()
    let holder = try scratch("bind")
    return try during("preparing a mount of the build") {
      var target = holder
      if !isDirectory {
        target += "/file"
        _ = try File.open(target, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
      }
      try systemCall("mount", "a mount of the build") {
        mount("/proc/self/fd/\(place)", target, nil, UInt(MS_BIND | MS_REC), nil)
      }
      mounted.append(target)
      return target
    }
  }

  /// A directory in memory, for secrets.
  func memory() throws(EngineError) -> String {
    try enter()
    let target = try scratch("memory", mode: 0o700)
    return try during("making a place for secrets") {
      try systemCall("mount", "a tmpfs") { mount("tmpfs", target, "tmpfs", UInt(MS_NOSUID | MS_NODEV), "mode=0755") }
      mounted.append(target)
      return target
    }
  }
}
