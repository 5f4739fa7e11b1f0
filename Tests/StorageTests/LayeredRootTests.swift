import Basics
import CLinux
import Glibc
import LinuxKernel
import Testing

@testable import Storage

/// Two layers below one upper directory, made in a directory of their own.
private struct Layers: ~Copyable {
  let base = "/tmp/dhow-layers-" + newID().prefix(8)

  init() throws {
    try File.makeDirectory(base)
    for name in ["upper", "middle", "bottom"] { try File.makeDirectory(base + "/" + name) }
  }

  deinit {
    if let pid = try? Spawn.start("/bin/rm", ["rm", "-rf", base], environment: []) { _ = try? Spawn.wait(pid) }
  }

  func write(_ path: String, _ text: String) throws {
    var parent = base
    for part in path.split(separator: "/").dropLast() {
      parent += "/" + part
      try File.ensureDirectory(parent)
    }
    let file = try File.open(base + "/" + path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
    try File.writeAll(file.raw, Array(text.utf8))
  }

  func read(_ path: String) throws -> String? {
    let upper = try File.openDirectory(base + "/upper")
    let middle = try File.openDirectory(base + "/middle")
    let bottom = try File.openDirectory(base + "/bottom")
    let root = try LayeredRoot([upper.raw, middle.raw, bottom.raw])
    guard let file = try root.openRegularFile(path) else { return nil }
    return String(decoding: try File.readAll(file.raw, limit: 1 << 20), as: UTF8.self)
  }
}

@Suite struct LayeredRootTests {
  @Test func `the topmost file wins and lower ones show through`() throws {
    let layers = try Layers()
    try layers.write("bottom/etc/passwd", "bottom")
    try layers.write("bottom/etc/group", "group")
    try layers.write("upper/etc/passwd", "upper")
    #expect(try layers.read("/etc/passwd") == "upper")
    #expect(try layers.read("/etc/group") == "group")
    #expect(try layers.read("/etc/shadow") == nil)
  }

  @Test func `an opaque directory hides what is below`() throws {
    let layers = try Layers()
    try layers.write("bottom/etc/group", "group")
    try layers.write("middle/etc/passwd", "middle")
    try #require(dhow_lsetxattr(layers.base + "/middle/etc", "user.overlay.opaque", "y", 1) == 0)
    #expect(try layers.read("/etc/group") == nil)
    #expect(try layers.read("/etc/passwd") == "middle")
  }

  @Test func `links stay inside the root`() throws {
    let layers = try Layers()
    try layers.write("bottom/real/passwd", "inside")
    try File.symlink("/real", at: File.workingDirectory, layers.base + "/middle/etc")
    #expect(try layers.read("/etc/passwd") == "inside")
    try File.symlink("../../../../../../etc/hostname", at: File.workingDirectory, layers.base + "/middle/up")
    #expect(try layers.read("/up") == nil)
  }

  @Test func `loops, directories and FIFOs are refused`() throws {
    let layers = try Layers()
    try File.symlink("/a", at: File.workingDirectory, layers.base + "/middle/a")
    #expect(throws: SystemError("open", "/a", errno: ELOOP)) { try layers.read("/a") }
    try layers.write("bottom/etc/x/y", "")
    #expect(throws: SystemError("open", "/etc/x", errno: EISDIR)) { try layers.read("/etc/x") }
    try #require(mkfifo(layers.base + "/upper/pipe", 0o600) == 0)
    #expect(throws: SystemError("open", "/pipe", errno: EINVAL)) { try layers.read("/pipe") }
  }
}
