import Basics
import CLinux
import Glibc
import LinuxKernel
import OCI
import TestSupport
import Testing

@testable import LayerArchive

/// Trees written, compared and removed; the distribution's tar is the reference.
@Suite struct TreeTests {
  /// A tree with everything a container's files may have.
  private static func referenceTree() throws -> String {
    let root = try makeTemporaryDirectory("dhow-tree")
    let long = String(repeating: "long-directory-name/", count: 12)
    let script = """
      cd "$1" && umask 022 && mkdir -p a/b 'with space' "$2" && echo content > a/file && ln a/file a/b/hard && ln -s ../file a/b/soft
      ln -s /absolute/target dangling && mkfifo fifo && chmod 4755 a/file && chmod 1777 'with space' && echo x > "$2/file"
      head -c 3000000 /dev/urandom > large && : > empty && printf 'x' > "$(printf 'bad\\377utf8')" && touch -d '2001-02-03 04:05:06.789' empty
      truncate -s 5000000 sparse && echo data | dd of=sparse bs=1 seek=2000000 conv=notrunc 2>/dev/null
      chmod 000 a/b; chmod 755 a/b; touch -d '1969-01-01' dangling -h; touch -d '1999-01-01' a a/b
      """
    try mustRun(["bash", "-c", script, "sh", root, long])
    #expect(dhow_lsetxattr(root + "/empty", "user.note", "value", 5) == 0)
    if ExtractionFixture.isRoot {
      try mustRun(["chown", "-h", "1234:5678", root + "/a/b/soft", root + "/large", root + "/fifo"])
    }
    return root
  }

  private static func archive(
    _ root: String, as source: TreeArchive.Source = .tree
  ) throws -> [UInt8] {
    var bytes: [UInt8] = []
    let writer = TarWriter { bytes += $0 }
    let directory = try File.openDirectory(root)
    let notes = try TreeArchive.write(directory.raw, as: source, to: writer, failure: ArchiveFailure(doing: "writing"))
    #expect(notes == [])
    try writer.finish()
    #expect(writer.count == Int64(bytes.count))
    return bytes
  }

  private static func differences(_ a: String, _ b: String) throws -> [LayerDamage] {
    let expected = try File.openDirectory(a)
    let actual = try File.openDirectory(b)
    return try TreeComparison.damages(
      expected: expected.raw, actual: actual.raw, mode: .rootless, failure: ArchiveFailure(doing: "comparing"))
  }

  @Test func `what is written is what GNU tar and we read`() throws {
    let tree = try Self.referenceTree()
    defer { _ = try? run(["rm", "-rf", tree]) }  // a temporary directory that stays harms no test
    let bytes = try Self.archive(tree)
    #expect(try Self.archive(tree) == bytes)
    let fixture = try ExtractionFixture()
    _ = try fixture.unpack(bytes, whiteouts: false).get()
    #expect(try Self.differences(tree, fixture.canaries.target) == [])
    let gnu = try makeTemporaryDirectory("dhow-gnu")
    defer { _ = try? run(["rm", "-rf", gnu]) }  // as above
    try mustRun(["tar", "--xattrs", "--numeric-owner", "-xpf", "-", "-C", gnu], input: bytes)
    #expect(try Self.differences(tree, gnu) == [])
  }

  @Test(arguments: ["posix", "gnu", "ustar", "oldgnu"]) func `what GNU tar writes comes out as it unpacks it`(
    format: String
  ) throws {
    let tree = try Self.referenceTree()
    defer { _ = try? run(["rm", "-rf", tree]) }  // a temporary directory that stays harms no test
    let flags = format == "posix" ? ["--xattrs", "--sparse"] : format == "ustar" ? [] : ["--sparse"]
    // ustar has no room for the long name and none for times before 1970.
    let exclude = format == "ustar" ? ["--exclude=long-directory-name", "--exclude=dangling"] : []
    let bytes = try mustRun(
      ["tar", "--numeric-owner", "--format=\(format)"] + flags + exclude + ["-cf", "-", "-C", tree, "."]
    ).stdout
    let gnu = try makeTemporaryDirectory("dhow-gnu")
    defer { _ = try? run(["rm", "-rf", gnu]) }  // as above
    try mustRun(["tar", "--xattrs", "--numeric-owner", "-xpf", "-", "-C", gnu], input: bytes)
    let fixture = try ExtractionFixture()
    _ = try fixture.unpack(bytes, whiteouts: false).get()
    #expect(try Self.differences(gnu, fixture.canaries.target) == [])
    var sparse = stat()
    #expect(lstat(fixture.canaries.target + "/sparse", &sparse) == 0)
    if format != "ustar" { #expect(sparse.st_blocks * 512 < 1_000_000) }
  }

  @Test func `a writable layer becomes a layer and back`() throws {
    let fixture = try ExtractionFixture()
    let layer = tar {
      $0.directory("d", mode: 0o700)
      $0.file("d/.wh..wh..opq")
      $0.file("d/x", "1")
      $0.file(".wh.gone")
      $0.file("plain", "2")
    }
    _ = try fixture.unpack(layer).get()
    let written = try Self.archive(fixture.canaries.target, as: .overlayUpper(.rootless))
    let again = try ExtractionFixture()
    _ = try again.unpack(written).get()
    #expect(try again.listing() == fixture.listing())
    let reader = TarReader(MemorySource(written), failure: ArchiveFailure(doing: "reading"))
    var names: [String] = []
    while try reader.next() { names.append(String(decoding: reader.entry.path, as: UTF8.self)) }
    #expect(names == ["d/", "d/.wh..wh..opq", "d/x", ".wh.gone", "plain"])
  }

  @Test(arguments: [("gzip", Compressor.Method.gzip), ("zstd", .zstd)])
  func `compressing gives the same bytes each time, and they come back`(program: String, method: Compressor.Method)
    throws
  {
    let bytes = (0..<400_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 9) }
    func compressed(step: Int) throws -> [UInt8] {
      var result: [UInt8] = []
      let compressor = try Compressor(method, failure: ArchiveFailure(doing: "compressing")) { result += $0 }
      for start in stride(from: 0, to: bytes.count, by: step) {
        try bytes[start..<min(start + step, bytes.count)].withUnsafeBytes { try compressor.write($0) }
      }
      try compressor.finish()
      return result
    }
    let result = try compressed(step: 100_000)
    #expect(try compressed(step: 100_000) == result)
    #expect(try mustRun([program, "-d", "-c"], input: result).stdout == bytes)
    if method == .gzip { #expect(result[4..<8].elementsEqual([0, 0, 0, 0])) }
  }

  @Test func `the changes of a writable layer are docker's`() throws {
    let lower = try ExtractionFixture()
    let upper = try ExtractionFixture()
    _ = try lower.unpack(
      tar {
        $0.directory("etc", mtime: 5)
        $0.file("etc/passwd", "x")
        $0.file("etc/gone", "x")
        $0.directory("same", mtime: 5)
        $0.file("same/file", "x")
        $0.file("replaced/below/x", "x")
        $0.directory("mode", mode: 0o755)
      }
    ).get()
    _ = try upper.unpack(
      tar {
        $0.directory("etc", mtime: 9)
        $0.file("etc/passwd", "y")
        $0.file("etc/.wh.gone")
        $0.file("etc/.wh.never-was")
        $0.file("new/deep/file", "z")
        $0.directory("same", mtime: 5)
        $0.directory("replaced")
        $0.file("replaced/.wh..wh..opq")
        $0.file("replaced/other", "")
        $0.directory("mode", mode: 0o700)
      }
    ).get()
    let above = try File.openDirectory(upper.canaries.target)
    let below = try File.openDirectory(lower.canaries.target)
    let changes = try LayerDiff.changes(
      upper: above.raw, lower: LowerChain([below.raw], mode: .rootless), mode: .rootless,
      failure: ArchiveFailure(doing: "comparing"))
    #expect(
      changes.map { "\($0.kind.rawValue) \(String(decoding: $0.path, as: UTF8.self))" } == [
        "C /etc", "D /etc/gone", "C /etc/passwd", "C /mode", "A /new", "A /new/deep", "A /new/deep/file", "C /replaced",
        "D /replaced/below", "A /replaced/other",
      ])
  }

  @Test func `every kind of damage to an extracted layer is named`() throws {
    let layer = tar {
      $0.pax([("SCHILY.xattr.user.note", "1")])
      $0.file("attribute", "x")
      for name in ["content", "gone", "mode", "size", "time", "kind"] { $0.file(name, "content") }
      $0.symlink("link", to: "a")
      $0.directory("opaque")
      $0.file("opaque/.wh..wh..opq")
      $0.file(".wh.whiteout")
      $0.file("one", "x")
      $0.hardLink("two", to: "one")
      $0.file("untouched/file", "x")
    }
    let fixture = try ExtractionFixture()
    _ = try fixture.unpack(layer).get()
    func damages() throws -> [String] {
      let scratch = try ExtractionFixture()
      let root = try File.openDirectory(fixture.canaries.target)
      let fresh = try File.openDirectory(scratch.canaries.target)
      return try LayerVerification.damages(
        of: root.raw, blob: MemorySource(layer), scratch: fresh.raw,
        options: .init(mode: .rootless, ownership: ExtractionFixture.isRoot ? .asArchived : .squashed),
        doing: "checking"
      ).damages.map(\.description)
    }
    #expect(try damages() == [])
    let script = """
      cd "$1"; t() { touch -d @1700000000 -h "$@"; }
      printf CONTENT > content; t content; rm gone; chmod 600 mode; printf longer-content > size; t size
      touch -d @1 time; rm kind; mkdir kind; ln -sfn b link; t link; rm whiteout; echo x > extra; cp -p two three; mv three two
      """
    try mustRun(["sh", "-c", script, "sh", fixture.canaries.target])
    #expect(dhow_lremovexattr(fixture.canaries.target + "/attribute", "user.note") == 0)
    #expect(dhow_lremovexattr(fixture.canaries.target + "/opaque", "user.overlay.opaque") == 0)
    #expect(
      try damages() == [
        "\"attribute\" has other extended attributes", "\"content\" has another content",
        "\"extra\" is not part of the layer",
        "\"gone\" is missing", "\"kind\" is of another kind", "\"link\" leads elsewhere", "\"mode\" has another mode",
        "\"opaque\" has other extended attributes", "\"size\" has another size",
        "\"time\" has another time of modification", "\"two\" is no longer one file with its other names",
        "\"whiteout\" is missing",
      ])
  }

  @Test func `trees of 2,000 levels and without permissions are removed, and nothing else`() throws {
    let canaries = try CanaryTree()
    let script = """
      cd "$1" && mkdir victim && cd victim && mkdir locked && echo x > locked/file && mkdir -p work/work && echo x > work/work/x
      ln -s ../../sibling link && ln -s /etc absolute && mkfifo fifo && chmod 000 work/work locked && chmod 500 work
      """
    try mustRun(["sh", "-c", script, "sh", canaries.target])
    var current = try File.openDirectory(canaries.target + "/victim")
    for _ in 0..<2000 {
      try File.makeDirectory(at: current.raw, "d")
      current = try File.openDirectory(at: current.raw, "d")
    }
    let parent = try File.openDirectory(canaries.target)
    try TreeRemoval.remove(at: parent.raw, "victim")
    #expect(names(in: canaries.target) == [])
    try TreeRemoval.remove(at: parent.raw, "victim")
    #expect(try canaries.damages() == [])
  }
}
