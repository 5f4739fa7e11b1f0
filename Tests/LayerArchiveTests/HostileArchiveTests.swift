import Basics
import Glibc
import LinuxKernel
import TestSupport
import Testing

@testable import LayerArchive

/// SECURITY C1–C5, C7–C9: each case once as a whole and once in small pieces, with canaries all around.
@Suite struct HostileArchiveTests {
  private func check(_ test: ArchiveCase) throws {
    for step in [Int.max, 7] {
      let fixture = try ExtractionFixture()
      let result = try fixture.unpack(test.archive, step: step)
      switch (test.outcome, result) {
      case (.tree(let lines), .success): #expect(try fixture.listing() == lines)
      case (.tree, .failure(let error)): Issue.record("refused: \(error.reason)")
      case (.refused(let text), .failure(let error)):
        #expect(error.reason.contains(text))
        #expect(error.doing == "unpacking a test")
      case (.refused, .success): Issue.record("not refused: \(try fixture.listing())")
      }
      #expect(try fixture.canaries.damages() == [])
    }
  }

  static let paths: [ArchiveCase] = [
    ArchiveCase("parent", .refused("leads out")) { $0.file("../x", "evil") },
    ArchiveCase("absolute is below the root", .tree(["f 644 x evil"])) { $0.file("/x", "evil") },
    ArchiveCase("over the root by its letters", .refused("leads out")) { $0.file("a/../../x", "evil") },
    ArchiveCase("dot then parent", .refused("leads out")) { $0.file("./../x", "evil") },
    ArchiveCase("inner parent is cleaned", .tree(["f 644 x ok"])) { $0.file("a/../x", "ok") },
    ArchiveCase("doubled slash", .tree(["d 755 a", "f 644 a/b ok"])) { $0.file("a//b", "ok") },
    ArchiveCase("empty name", .refused("is no name")) { $0.file("", "evil") },
    ArchiveCase("dot as a file", .refused("is no name")) { $0.file(".", "evil") },
    ArchiveCase("file named as a directory", .refused("named as a directory")) { $0.file("a/", "evil") },
    ArchiveCase("backslashes are letters", .tree(["f 644 ..\\x ok"])) { $0.file("..\\x", "ok") },
    ArchiveCase("5,000 bytes", .refused("more than 4095 bytes")) {
      $0.pax([("path", String(repeating: "abcdefghi/", count: 500) + "x")])
      $0.file("x", "evil")
    },
    ArchiveCase("a part of 256 bytes", .refused("more than 255 bytes")) {
      $0.pax([("path", String(repeating: "a", count: 256))])
      $0.file("x")
    },
    ArchiveCase("zero byte in a pax path", .refused("zero byte")) {
      $0.pax([("path", Array("ok\u{0}/../x".utf8))])
      $0.file("x")
    },
    ArchiveCase("3,000 levels", .refused("more than")) {
      $0.pax([("path", String(repeating: "a/", count: 3000))])
      $0.directory("x")
    },
  ]

  @Test(arguments: paths) func `names stay below the root`(test: ArchiveCase) throws { try check(test) }

  static let links: [ArchiveCase] = [
    ArchiveCase("absolute link as parent", .refused("made a symbolic link")) {
      $0.symlink("l", to: "/etc")
      $0.file("l/passwd", "evil")
    },
    ArchiveCase("relative link as parent", .refused("made a symbolic link")) {
      $0.symlink("l", to: "../sibling")
      $0.file("l/file", "evil")
    },
    ArchiveCase("link to a directory inside", .refused("made a symbolic link")) {
      $0.directory("d")
      $0.symlink("l", to: "d")
      $0.file("l/file", "x")
    },
    ArchiveCase("chain of links", .refused("made a symbolic link")) {
      $0.symlink("a", to: "b")
      $0.symlink("b", to: "..")
      $0.file("a/sibling/file", "evil")
    },
    ArchiveCase("magic link", .refused("made a symbolic link")) {
      $0.symlink("l", to: "/proc/self/root")
      $0.file("l/x", "evil")
    },
    ArchiveCase("link deep in the path", .refused("made a symbolic link")) {
      $0.file("a/b/c")
      $0.symlink("a/b", to: "/")
      $0.file("a/b/x", "evil")
    },
    ArchiveCase("file as parent", .refused("made no directory")) {
      $0.file("f", "x")
      $0.file("f/x", "evil")
    },
    ArchiveCase("directory replaced by a link", .refused("made a symbolic link")) {
      $0.file("d/one", "1")
      $0.symlink("d", to: "../sibling")
      $0.file("d/file", "evil")
    },
    ArchiveCase("link replaced by a directory", .tree(["d 755 l", "f 644 l/x ok"])) {
      $0.symlink("l", to: "../sibling")
      $0.directory("l")
      $0.file("l/x", "ok")
    },
    ArchiveCase("file over a link", .tree(["f 644 l ok"])) {
      $0.symlink("l", to: "../sibling/file")
      $0.file("l", "ok")
    },
    ArchiveCase("whiteout below a link", .refused("made a symbolic link")) {
      $0.symlink("l", to: "../sibling")
      $0.file("l/.wh.file")
    },
    ArchiveCase("opaque mark below a link", .refused("made a symbolic link")) {
      $0.symlink("l", to: "../sibling")
      $0.file("l/.wh..wh..opq")
    },
    ArchiveCase("setuid over a link", .tree(["d 4755 l"])) {
      $0.symlink("l", to: "../sibling")
      $0.directory("l", mode: 0o4755)
    },
    ArchiveCase("dangling links are kept", .tree(["l l -> ../../secret"])) { $0.symlink("l", to: "../../secret") },
    ArchiveCase("link without a target", .refused("has no target")) { $0.symlink("l", to: "") },
  ]

  @Test(arguments: links) func `no link is followed`(test: ArchiveCase) throws { try check(test) }

  static let hardLinks: [ArchiveCase] = [
    ArchiveCase("out of the root", .refused("leads out")) { $0.hardLink("h", to: "../sibling/file") },
    ArchiveCase("through a link", .refused("leads through")) {
      $0.symlink("l", to: "../sibling")
      $0.hardLink("h", to: "l/file")
    },
    ArchiveCase("to a link, which is not followed", .tree(["l h -> ../sibling/file", "l l -> ../sibling/file"])) {
      $0.symlink("l", to: "../sibling/file")
      $0.hardLink("h", to: "l")
    },
    ArchiveCase("to a directory", .refused("is no file")) {
      $0.directory("d")
      $0.hardLink("h", to: "d")
    },
    ArchiveCase("to the root", .refused("to a directory")) { $0.hardLink("h", to: ".") },
    ArchiveCase("to itself", .refused("to itself")) {
      $0.file("h", "x")
      $0.hardLink("h", to: "./h")
    },
    ArchiveCase("to a whiteout", .refused("is no file")) {
      $0.file(".wh.gone")
      $0.hardLink("h", to: "gone")
    },
    ArchiveCase("over a directory with the target in it", .refused("no such file")) {
      $0.file("d/f", "x")
      $0.hardLink("d", to: "d/f")
    },
    ArchiveCase("with a size, which says nothing", .tree(["f 644 a one", "f 644 b one", "f 644 c two"])) {
      $0.file("a", "one")
      var header = TarBuilder.Header("b")
      (header.type, header.linkName, header.size) = (UInt8(ascii: "1"), Array("a".utf8), 3)
      $0.add(header)
      $0.file("c", "two")
    },
  ]

  @Test(arguments: hardLinks) func `hard links lead to files of the layer`(test: ArchiveCase) throws { try check(test) }

  static let whiteouts: [ArchiveCase] = [
    ArchiveCase("plain", .tree(["d 755 d", "w d/x"])) {
      $0.directory("d")
      $0.file("d/.wh.x")
    },
    ArchiveCase("opaque", .tree(["d+ 755 d"])) {
      $0.directory("d")
      $0.file("d/.wh..wh..opq")
    },
    ArchiveCase("opaque before and between", .tree(["d+ 700 d", "f 644 d/a 1", "f 644 d/b 2"])) {
      $0.file("d/a", "1")
      $0.file("d/.wh..wh..opq")
      $0.file("d/b", "2")
      $0.directory("d", mode: 0o700)
    },
    ArchiveCase("whiteout, then a file", .tree(["f 644 x new"])) {
      $0.file(".wh.x")
      $0.file("x", "new")
    },
    ArchiveCase("file, then a whiteout", .tree(["f 644 x new"])) {
      $0.file("x", "new")
      $0.file(".wh.x")
    },
    ArchiveCase("whiteout, then a directory", .tree(["d+ 755 x", "f 644 x/y new"])) {
      $0.file(".wh.x")
      $0.directory("x")
      $0.file("x/y", "new")
    },
    ArchiveCase("whiteout, then a directory implied", .tree(["d+ 755 x", "f 644 x/y new"])) {
      $0.file(".wh.x")
      $0.file("x/y", "new")
    },
    ArchiveCase("directory, then a whiteout", .tree(["d+ 755 x", "f 644 x/y new"])) {
      $0.file("x/y", "new")
      $0.file(".wh.x")
    },
    ArchiveCase("twice", .tree(["w x"])) {
      $0.file(".wh.x")
      $0.file(".wh.x")
    },
    ArchiveCase("nothing", .refused("no valid whiteout")) { $0.file(".wh.") },
    ArchiveCase("dot", .refused("no valid whiteout")) { $0.file(".wh..") },
    ArchiveCase("dot dot", .refused("no valid whiteout")) { $0.file("a/.wh...") },
    ArchiveCase("a whiteout", .refused("no valid whiteout")) { $0.file("a/.wh..wh.x") },
    ArchiveCase("in the middle of a path", .refused("below a whiteout")) { $0.file(".wh.a/b", "x") },
    ArchiveCase("a directory", .refused("is a directory")) { $0.directory(".wh.a") },
    ArchiveCase("aufs's own", .tree(["f 644 x ok"])) {
      $0.directory(".wh..wh.plnk")
      $0.file(".wh..wh.plnk/12.34", "x")
      $0.file(".wh..wh.aufs")
      $0.file("x", "ok")
    },
    ArchiveCase("char 0:0 is no whiteout", .tree([])) { $0.device("x", major: 0, minor: 0) },
  ]

  @Test(arguments: whiteouts) func `whiteouts mean what the image spec says`(test: ArchiveCase) throws {
    try check(test)
  }

  static let duplicates: [ArchiveCase] = [
    ArchiveCase("file, file", .tree(["f 600 x two"])) {
      $0.file("x", "one one")
      $0.file("x", "two", mode: 0o600)
    },
    ArchiveCase("file, directory", .tree(["d 755 x", "f 644 x/y 1"])) {
      $0.file("x", "one")
      $0.directory("x")
      $0.file("x/y", "1")
    },
    ArchiveCase("directory with children, file", .tree(["f 644 x two"])) {
      $0.file("x/y/z", "1")
      $0.file("x", "two")
    },
    ArchiveCase("directory with children, link", .tree(["l x -> ../sibling"])) {
      $0.file("x/y/z", "1")
      $0.symlink("x", to: "../sibling")
    },
    ArchiveCase("directory, directory keeps its content", .tree(["d 700 x", "f 644 x/y 1"])) {
      $0.directory("x", mode: 0o777)
      $0.file("x/y", "1")
      $0.directory("x", mode: 0o700)
    },
    ArchiveCase("directory, file, implied directory forgets the first mode", .tree(["d 755 x", "f 644 x/y 1"])) {
      $0.directory("x", mode: 0o711)
      $0.file("x", "")
      $0.symlink("x", to: "y")
      $0.directory("x")
      $0.file("x/y", "1")
    },
    ArchiveCase("hard link over a file", .tree(["f 644 a one", "f 644 b one"])) {
      $0.file("a", "one")
      $0.file("b", "two")
      $0.hardLink("b", to: "a")
    },
    ArchiveCase("a file written again leaves its other name alone", .tree(["f 644 a two", "f 644 b one"])) {
      $0.file("a", "one")
      $0.hardLink("b", to: "a")
      $0.file("a", "two")
    },
    ArchiveCase("fifo", .tree(["p 640 x"])) {
      $0.file("x", "1")
      $0.fifo("x", mode: 0o640)
    },
  ]

  @Test(arguments: duplicates) func `of several entries of a name the last counts`(test: ArchiveCase) throws {
    try check(test)
  }

  @Test func `device nodes are left out with one note`() throws {
    let fixture = try ExtractionFixture()
    let archive = tar {
      $0.device("dev/sda", block: true, major: 8, minor: 0)
      $0.device("dev/mem", major: 1, minor: 1)
      $0.device("dev/null", major: 1, minor: 3)
      $0.fifo("fifo")
    }
    let layer = try fixture.unpack(archive).get()
    #expect(
      layer.extraction.notes == [
        "left out the device node \"dev/sda\" and 2 more: containers get theirs from the engine"
      ])
    #expect(try fixture.listing() == ["p 644 fifo"])
  }

  @Test func `names keep their bytes`() throws {
    let fixture = try ExtractionFixture()
    let name: [UInt8] = [0xFF, 0xC3, 0x28, UInt8(ascii: "x"), 0x0A]
    let long = [UInt8](repeating: 0xE9, count: 200)
    let archive = tar {
      $0.file(name, [])
      $0.pax([("path", long)])
      $0.file("x")
      $0.gnuLong(long + [0x41])
      $0.file("y")
    }
    _ = try fixture.unpack(archive).get()
    for expected in [name, long, long + [0x41]] {
      var status = stat()
      #expect(
        lstat(
          Array(fixture.canaries.target.utf8CString.dropLast()) + [0x2F] + expected.map { CChar(bitPattern: $0) } + [0],
          &status) == 0)
    }
  }
}
