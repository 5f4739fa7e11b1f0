import Basics
import CLinux
import Glibc
import LinuxKernel
import TestSupport
import Testing

@testable import LayerArchive

/// Trees copied with other owners, as `--userns keep-id` needs them.
@Suite(.requires(.root)) struct TreeCopyTests {
  /// keep-id of a user 1000: 0…999 are 1…1000, 1000 is 0, and the rest stays.
  private static let keepID = IDMap(uids: ranges(1000), gids: ranges(1000))

  private static func ranges(_ kept: UInt32) -> [IDRange] {
    [
      IDRange(inside: 0, outside: 1, count: kept), IDRange(inside: kept, outside: 0, count: 1),
      IDRange(inside: kept + 1, outside: kept + 1, count: 64000),
    ]
  }

  private struct Trees {
    let source = try? makeTemporaryDirectory("dhow-copy")
    let target = try? makeTemporaryDirectory("dhow-copy")

    func paths() throws -> (source: String, target: String) { (try #require(source), try #require(target)) }

    func remove() { for path in [source, target] { _ = try? run(["rm", "-rf", path ?? ""]) } }  // temporary directories
  }

  private func copy(_ source: String, _ target: String, _ map: IDMap = Self.keepID) throws {
    let from = try File.openDirectory(source)
    let to = try File.openDirectory(target)
    try TreeCopy.copy(
      from.raw, to: to.raw, owners: OwnerShift(map), mode: .rootless, failure: ArchiveFailure(doing: "copying"))
  }

  private func differences(_ source: String, _ target: String, _ owners: OwnerShift) throws -> [String] {
    let from = try File.openDirectory(source)
    let to = try File.openDirectory(target)
    return try TreeComparison.damages(
      expected: from.raw, actual: to.raw, mode: .rootless, failure: ArchiveFailure(doing: "comparing"), owners: owners
    ).map(\.description)
  }

  private static let script = """
    cd "$1" && umask 022 && mkdir -p a/b locked opaque && echo content >a/file
    ln a/file a/b/hard && ln -s ../file a/b/soft
    ln -s /etc outside; mkfifo fifo; : >empty; mknod gone c 0 0; printf x >"$(printf 'bad\\377name')"
    head -c 3000000 /dev/urandom >large; truncate -s 50000000 sparse
    printf data | dd of=sparse bs=1 seek=20000000 conv=notrunc
    chown 33:8 a/file large; chown -h 7:1000 a/b/soft; chown 1000:1000 empty; chown 2000:2000 fifo
    chmod 4755 a/file; chmod 2775 locked; chmod 1777 opaque; chmod 000 locked
    touch -h -d @1500000000 a/b/soft; touch -d @1600000000 a/file empty fifo large a/b a locked .
    """

  @Test func `everything is copied, and owners are those of the map`() throws {
    let trees = Trees()
    defer { trees.remove() }
    let (source, target) = try trees.paths()
    try mustRun(["sh", "-c", Self.script, "sh", source])
    #expect(dhow_lsetxattr(source + "/opaque", "user.overlay.opaque", "y", 1) == 0)
    #expect(dhow_lsetxattr(source + "/large", "user.note", "kept", 4) == 0)
    try copy(source, target)
    #expect(try differences(source, target, OwnerShift(Self.keepID)) == [])
    let listing = try mustRun([
      "sh", "-c", "cd \"$1\"; stat -c '%n %u:%g %a %h %Y' . a/file a/b/soft empty fifo; stat -c '%n %u:%g %a %h' gone",
      "sh", target,
    ])
    #expect(
      listing.lines == [
        ". 1:1 700 5 1600000000", "a/file 34:9 4755 2 1600000000", "a/b/soft 8:0 777 1 1500000000",
        "empty 0:0 644 1 1600000000", "fifo 2000:2000 644 1 1600000000", "gone 0:0 0 1",
      ])
    var sparse = stat()
    #expect(lstat(target + "/sparse", &sparse) == 0)
    #expect(sparse.st_size == 50_000_000 && sparse.st_blocks * 512 < 1_000_000)
    // And the way back, into a third tree.
    let back = try makeTemporaryDirectory("dhow-copy")
    defer { _ = try? run(["rm", "-rf", back]) }  // a temporary directory that stays harms no test
    let inverse = IDMap(uids: Self.keepID.uids.inverse, gids: Self.keepID.gids.inverse)
    try copy(target, back, inverse)
    #expect(try differences(source, back, .none) == [])
  }

  @Test(.requires(.program("setcap"), .program("setfacl")))
  func `capabilities are for the root of the map, and ids in ACLs are those of the map`() throws {
    let trees = Trees()
    defer { trees.remove() }
    let (source, target) = try trees.paths()
    let script = """
      cd "$1" && mkdir d && touch capable && setcap cap_net_raw+ep capable
      setfacl -m u:33:rw,g:1000:r capable && setfacl -d -m u:5:rwx d && touch d/file
      """
    try mustRun(["sh", "-c", script, "sh", source])
    try copy(source, target)
    let capability = try mustRun(["getcap", "-n", target + "/capable"]).out
    #expect(capability.hasSuffix("cap_net_raw=ep [rootid=1]"), "\(capability)")
    let lists = try mustRun(["sh", "-c", "cd \"$1\"; getfacl -cn capable d d/file", "sh", target]).lines
    for entry in ["user:34:rw-", "group:0:r--", "default:user:6:rwx", "user:6:rwx\t#effective:rw-"] {
      #expect(lists.contains(entry), "\(lists)")
    }
  }

  @Test func `an id that the map does not hold is named with its file`() throws {
    let trees = Trees()
    defer { trees.remove() }
    let (source, target) = try trees.paths()
    try mustRun(["sh", "-c", "mkdir \"$1/d\"; touch \"$1/d/far\"; chown 0:90000 \"$1/d/far\"", "sh", source])
    let error = try #require(throws: EngineError.self) { try copy(source, target) }
    #expect(error.kind == .limitReached)
    #expect(error.reason == "\"d/far\" belongs to the group id 90000, which the container's id map does not hold")
    #expect(error.hint != nil)
  }

  @Test func `an archive of the copy has the owners of the image`() throws {
    let trees = Trees()
    defer { trees.remove() }
    let (source, target) = try trees.paths()
    try mustRun(["sh", "-c", "cd \"$1\"; mkdir d; touch d/f; chown 5:6 d/f; chmod 4711 d/f; ln -s x l", "sh", source])
    try copy(source, target)
    func archive(_ path: String, _ owners: OwnerShift) throws -> [UInt8] {
      var bytes: [UInt8] = []
      let writer = TarWriter { bytes += $0 }
      let root = try File.openDirectory(path)
      _ = try TreeArchive.write(
        root.raw, as: .tree, to: writer, owners: owners, failure: ArchiveFailure(doing: "writing"))
      try writer.finish()
      return bytes
    }
    #expect(try archive(target, OwnerShift(Self.keepID).inverse) == archive(source, .none))
  }
}
