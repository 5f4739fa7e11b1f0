import Basics
import CLinux
import Glibc
import LinuxKernel
import TestSupport
import Testing

@testable import LayerArchive

/// SECURITY C4, C6, C10, C11, and what two steps of unpacking give together.
@Suite struct LayerMetadataTests {
  private static func status(_ path: String) throws -> stat {
    var status = stat()
    guard lstat(path, &status) == 0 else { throw FixtureError(path) }
    return status
  }

  private static func attribute(_ path: String, _ name: String) -> [UInt8]? {
    var value = [UInt8](repeating: 0, count: 70_000)
    let size = dhow_lgetxattr(path, name, &value, value.count)
    return size < 0 ? nil : Array(value[..<size])
  }

  @Test func `owners, modes and times are the archive's, setuid and directories included`() throws {
    let fixture = try ExtractionFixture()
    let archive = tar {
      $0.directory("d", mode: 0o555, uid: 7, gid: 8, mtime: 1_000_000)
      $0.pax([("mtime", "1234567.000000089")])
      $0.file("d/suid", "x", mode: 0o6755, uid: 7, gid: 8)
      $0.file("d/old", "x", mtime: -86_400)
      $0.symlink("d/l", to: "nowhere")
      $0.hardLink("d/other", to: "d/suid")
    }
    _ = try fixture.unpack(archive).get()
    let target = fixture.canaries.target
    let directory = try Self.status(target + "/d")
    #expect(directory.st_mode & 0o7777 == 0o555)
    #expect(directory.st_mtim.tv_sec == 1_000_000)
    let file = try Self.status(target + "/d/suid")
    #expect(file.st_mode & 0o7777 == 0o6755)
    #expect(file.st_mtim.tv_sec == 1_234_567)
    #expect(file.st_mtim.tv_nsec == 89)
    #expect(file.st_nlink == 2)
    #expect(try Self.status(target + "/d/old").st_mtim.tv_sec == -86_400)
    #expect(try Self.status(target + "/d/l").st_mtim.tv_sec == 1_700_000_000)
    guard ExtractionFixture.isRoot else { return }
    #expect(file.st_uid == 7 && file.st_gid == 8)
    #expect(directory.st_uid == 7 && directory.st_gid == 8)
  }

  @Test func `only attributes of the allow-list are written`() throws {
    let fixture = try ExtractionFixture()
    let capability: [UInt8] = [1, 0, 0, 2] + [0, 0x20, 0, 0] + [UInt8](repeating: 0, count: 12)
    let rooted: [UInt8] = [1, 0, 0, 3] + capability[4...] + [0x10, 0x27, 0, 0]
    let names = [
      "user.ok", "user.overlay.opaque", "user.overlay.redirect", "user.overlay.metacopy", "user.overlay.origin",
      "user.overlay.whiteout", "trusted.overlay.opaque", "trusted.x", "security.selinux", "security.ima",
      "system.nfs4_acl",
    ]
    let archive = tar {
      $0.pax(names.map { ("SCHILY.xattr." + $0, "y") })
      $0.file("f", "x")
      $0.pax(names.map { ("SCHILY.xattr." + $0, "y") })
      $0.directory("d")
      if ExtractionFixture.isRoot {
        $0.pax([("SCHILY.xattr.security.capability", capability)])
        $0.file("cap", "x", uid: 5, gid: 5)
        $0.pax([("SCHILY.xattr.security.capability", rooted)])
        $0.file("rooted", "x", uid: 5, gid: 5)
      }
      $0.pax([("SCHILY.xattr.security.capability", [1, 0, 0, 1] + [UInt8](repeating: 0, count: 8))])
      $0.file("version1", "x")
    }
    let layer = try fixture.unpack(archive).get()
    let target = fixture.canaries.target
    for file in ["f", "d"] {
      #expect(Self.attribute("\(target)/\(file)", "user.ok") == Array("y".utf8))
      for name in names.dropFirst() { #expect(Self.attribute("\(target)/\(file)", name) == nil, "\(name)") }
    }
    #expect(layer.extraction.notes.contains { $0.contains("extended attribute") })
    #expect(Self.attribute(target + "/version1", "security.capability") == nil)
    guard ExtractionFixture.isRoot else { return }
    #expect(Self.attribute(target + "/cap", "security.capability") == capability)
    #expect(Self.attribute(target + "/rooted", "security.capability") == capability)
  }

  @Test(arguments: [
    ("4294967295", "cannot be"), ("4294967296", "cannot be"), ("70000000000", "cannot be"),
  ])
  func `owners that cannot be are refused`(id: String, reason: String) throws {
    guard ExtractionFixture.isRoot else { return }
    for key in ["uid", "gid"] {
      let fixture = try ExtractionFixture()
      let error = #expect(throws: EngineError.self) {
        _ = try fixture.unpack(
          tar {
            $0.pax([(key, id)])
            $0.file("some/file", "x")
          }
        ).get()
      }
      #expect(error?.reason.contains(id) == true)
      #expect(error?.reason.contains("some/file") == true)
      #expect(error?.reason.contains(reason) == true)
    }
  }

  @Test func `the map's size is what ids are compared with`() throws {
    let path = try makeTemporaryDirectory("dhow-map") + "/map"
    try write("         0       1001          1\n         1     100000      65536\n", to: path)
    let range = try OwnerRange(map: path)
    #expect(range.contains(0) && range.contains(65536))
    #expect(!range.contains(65537) && !range.contains(-1) && !range.contains(1 << 31))
    #expect(range.count == 65537)
    try mustRun(["rm", "-r", String(path.dropLast(4))])
  }

  @Test func `a layer and what is below it make one tree`() throws {
    let lowest = try ExtractionFixture()
    let lower = try ExtractionFixture()
    let upper = try ExtractionFixture()
    _ = try lowest.unpack(
      tar {
        $0.directory("etc", mode: 0o700, mtime: 1000)
        $0.file("etc/hidden", "x")
        $0.file("bin/tool", "tool", mode: 0o4755, mtime: 2000)
        $0.file("bin/gone", "x")
        $0.directory("opaque", mode: 0o711)
        $0.file("opaque/below", "x")
      }
    ).get()
    _ = try lower.unpack(
      tar {
        $0.directory("bin", mode: 0o750, mtime: 3000)
        $0.file("bin/.wh.gone")
        $0.file("opaque/.wh..wh..opq")
      }
    ).get()
    let layer = try upper.unpack(
      tar {
        $0.file("etc/new", "1")
        $0.hardLink("bin/again", to: "bin/tool")
        $0.hardLink("bin/third", to: "bin/again")
        $0.file("fresh/x", "")
      }
    ).get()
    let unresolved = layer.extraction.unresolved
    #expect(unresolved.impliedDirectories.map { String(decoding: $0, as: UTF8.self) } == ["", "bin", "etc", "fresh"])
    #expect(unresolved.links.count == 2)

    let below = [
      try File.openDirectory(lower.canaries.target).take(), try File.openDirectory(lowest.canaries.target).take(),
    ]
    defer { below.forEach { close($0) } }
    let chain = LowerChain(below, mode: .rootless)
    func exists(_ path: String) throws -> Bool { try chain.status(Array(path.utf8)) != nil }
    #expect(try exists("bin/tool") && exists("etc/hidden") && exists("opaque"))
    #expect(try !exists("bin/gone") && !exists("opaque/below") && !exists("nothing") && !exists("bin/tool/x"))
    #expect(try Set(chain.names(Array("bin".utf8)).map { String(decoding: $0, as: UTF8.self) }) == ["tool"])
    #expect(try chain.names(Array("opaque".utf8)).isEmpty)

    let root = try File.openDirectory(upper.canaries.target)
    let failure = ArchiveFailure(doing: "completing")
    try LayerCompletion.complete(root.raw, unresolved, lower: chain, mode: .rootless, failure: failure)
    let target = upper.canaries.target
    #expect(try Self.status(target + "/etc").st_mode & 0o7777 == 0o700)
    #expect(try Self.status(target + "/etc").st_mtim.tv_sec == 1000)
    #expect(try Self.status(target + "/bin").st_mode & 0o7777 == 0o750)
    #expect(try Self.status(target + "/bin").st_mtim.tv_sec == 3000)
    #expect(try Self.status(target + "/fresh").st_mode & 0o7777 == 0o755)
    let tool = try Self.status(target + "/bin/again")
    #expect(tool.st_mode & 0o7777 == 0o4755)
    #expect(tool.st_nlink == 2)
    #expect(try readText(target + "/bin/third") == "tool")

    // Without the file below, the link is an error that names both.
    let error = #expect(throws: EngineError.self) {
      var open = unresolved
      open.links = [(path: Array("a".utf8), target: Array("bin/gone".utf8))]
      try LayerCompletion.complete(root.raw, open, lower: chain, mode: .rootless, failure: failure)
    }
    #expect(error?.reason == "the hard link \"a\" leads to \"bin/gone\", which is not there")
  }

  @Test func `an opaque root hides every name below it`() throws {
    let lower = try ExtractionFixture()
    let upper = try ExtractionFixture()
    _ = try lower.unpack(tar { builder in ["a", "b/x", "c"].forEach { builder.file($0, "x") } }).get()
    let layer = try upper.unpack(
      tar {
        $0.file(".wh..wh..opq")
        $0.file("b/y", "new")
        $0.file("c", "new")
      }
    ).get()
    let below = try File.openDirectory(lower.canaries.target)
    let root = try File.openDirectory(upper.canaries.target)
    try LayerCompletion.complete(
      root.raw, layer.extraction.unresolved, lower: LowerChain([below.raw], mode: .rootless), mode: .rootless,
      failure: ArchiveFailure(doing: "completing"))
    #expect(try upper.listing() == ["w a", "d+ 755 b", "f 644 b/y new", "f 644 c new"])
  }

  @Test func `floods end at the limits`() throws {
    let fixture = try ExtractionFixture()
    var limits = ArchiveLimits()
    limits.freeBytes = .max / 2
    let error = #expect(throws: EngineError.self) {
      var header = TarBuilder.Header("large")
      header.size = 1 << 40
      var builder = TarBuilder()
      builder.add(header)
      _ = try fixture.unpack(builder.bytes, limits: limits).get()
    }
    #expect(error?.kind == .limitReached)
    #expect(error?.reason.contains("MiB left") == true)
  }
}
