package import Basics
internal import CLinux
internal import Glibc
package import LinuxKernel

/// What the filesystem below the root directory can, probed once for each kernel and remembered in `store.json`.
package struct StoreFeatures: Equatable, Sendable {
  package static let version: Int64 = 1

  /// Kernel release the answers are of.
  package var kernel: String
  /// Extended attributes `user.…`, which rootless overlay keeps opaque directories in.
  package var userAttributes: Bool
  /// Whether readdir(3) tells the type of a file; overlay refuses an upper directory without it.
  package var fileTypes: Bool
  /// errno of an overlay mount with the upper directory in the store, 0 when it works; nil when nobody could try:
  /// mounting takes the user's namespace, or root.
  package var overlay: Int32?

  package init(kernel: String, userAttributes: Bool, fileTypes: Bool, overlay: Int32?) {
    self.kernel = kernel
    self.userAttributes = userAttributes
    self.fileTypes = fileTypes
    self.overlay = overlay
  }

  /// The first thing that keeps containers from running here, in words; nil when nothing does.
  package var obstacle: String? {
    if !fileTypes { return "the filesystem does not tell file types (xfs made with ftype=0)" }
    guard let overlay, overlay != 0 else { return nil }
    return "overlay cannot be mounted there: \(SystemError("mount", errno: overlay).reason)"
  }
}

extension StateDirectory {
  /// The features of the filesystem: those remembered for this kernel, else probed and remembered.
  package func features() throws(EngineError) -> StoreFeatures {
    let kernel = Self.kernelRelease
    var record = try storeRecord()
    if let known = StoreFeatures(record), known.kernel == kernel, known.overlay != nil || geteuid() != 0 {
      return known
    }
    let area = try StagingArea(in: self)
    let probed = try during("probing the filesystem of \(safeText(location.root))") {
      let probe = FilesystemProbe(area.descriptor.raw)
      return StoreFeatures(
        kernel: kernel, userAttributes: try probe.hasUserAttributes(), fileTypes: try probe.tellsFileTypes(),
        overlay: geteuid() == 0 ? try probe.overlay() : nil)
    }
    record["features"] = probed.json
    try write(record)
    return probed
  }

  /// Checks that the user's id map is the one the layers were made with, and remembers it the first time. A map that only
  /// grew at its end is fine, and so is one that only lost its end: the ids that are left mean what they meant.
  /// - Throws: `wrongState` when another range of subordinate ids would give the files to strangers.
  package func check(_ map: IDMap) throws(EngineError) {
    var record = try storeRecord()
    let now: JSON = ["uids": JSON(map.uids.map(\.line)), "gids": JSON(map.gids.map(\.line))]
    guard let before = record["idMap"] else {
      record["idMap"] = now
      return try write(record)
    }
    if before == now { return }
    var isShorter = false
    for kind in ["uids", "gids"] {
      let old = before[kind]?.arrayValue ?? []
      let new = now[kind]?.arrayValue ?? []
      if old.starts(with: new) {
        isShorter = isShorter || new.count < old.count
        continue
      }
      guard new.starts(with: old) else {
        let shown = { (lines: [JSON]) in lines.compactMap(\.stringValue).joined(separator: ", ") }
        throw EngineError(
          .wrongState, "opening the store in \(safeText(location.root))",
          "its files belong to the \(kind) \"\(shown(old))\", but the user's map is now \"\(shown(new))\"",
          hint: "give the user the former range in /etc/sub\(kind.dropLast()), or begin anew: dhow system reset")
      }
    }
    // The longer one is remembered: there are files of its ids.
    guard !isShorter else { return }
    record["idMap"] = now
    try write(record)
  }

  private func storeRecord() throws(EngineError) -> JSONObject {
    try prepare()
    let fields = try RecordFile.read(
      at: root.raw, StatePath.storeRecord, version: StoreFeatures.version, subject: "the store")
    return fields?.object ?? JSONObject([("version", .integer(StoreFeatures.version))])
  }

  private func write(_ record: JSONObject) throws(EngineError) {
    let lock = try StoreLock.acquire(.content, in: self)
    defer { withExtendedLifetime(lock) {} }
    try during("writing the record of the store") {
      try RecordFile.write(.object(record), at: root.raw, StatePath.storeRecord, durable: true)
    }
  }

  static var kernelRelease: String {
    var name = utsname()
    uname(&name)
    return withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

extension StoreFeatures {
  var json: JSON {
    var builder = JSONBuilder()
    builder.set("kernel", kernel)
    builder.set("userAttributes", userAttributes)
    builder.set("fileTypes", fileTypes)
    builder.set("overlay", overlay.map(Int64.init))
    return builder.json
  }

  /// From the store's record; nil when it says nothing, or nothing that can be used: then they are probed again.
  init?(_ record: JSONObject) {
    guard let json = record["features"], let kernel = json["kernel"]?.stringValue else { return nil }
    self.init(
      kernel: kernel, userAttributes: json["userAttributes"]?.boolValue ?? false,
      fileTypes: json["fileTypes"]?.boolValue ?? false,
      overlay: json["overlay"]?.integerValue.map(Int32.init(truncatingIfNeeded:)))
  }
}

/// Tries things out in an empty directory.
private struct FilesystemProbe {
  let directory: Int32

  init(_ directory: Int32) { self.directory = directory }

  func hasUserAttributes() throws(SystemError) -> Bool {
    try File.ensureDirectory(at: directory, "probe")
    let probe = try File.openDirectory(at: directory, "probe")
    return dhow_fsetxattr(probe.raw, "user.dhow.probe", "1", 1) == 0
  }

  func tellsFileTypes() throws(SystemError) -> Bool {
    try File.ensureDirectory(at: directory, "probe")
    return try File.list(directory).contains { $0.name == "probe" && $0.isDirectory }
  }

  /// Mounts an overlay in a mount namespace of a child, which takes it along. Answers errno or 0.
  func overlay() throws(SystemError) -> Int32 {
    for name in ["lower", "upper", "work", "merged"] { try File.ensureDirectory(at: directory, name) }
    let isRootOfHost =
      try String(
        decoding: File.readAll("/proc/self/uid_map", limit: 1 << 16).filter { $0 > 0x20 }, as: UTF8.self)
      == "004294967295"
    let options = "lowerdir=lower,upperdir=upper,workdir=work" + (isRootOfHost ? "" : ",userxattr")
    let child = try Spawn.fork()
    if child == 0 {
      // In this order: unshare takes the working directory along, while a descriptor stays in the namespace it was opened
      // in, whose mounts overlay does not take (EINVAL).
      guard fchdir(directory) == 0, dhow_unshare(Int32(DHOW_CLONE_NEWNS)) == 0,
        mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil) == 0,
        mount("overlay", "merged", "overlay", 0, options) == 0
      else { _exit(errno) }
      _exit(0)
    }
    return try Spawn.wait(child).shellCode
  }
}
