import Basics
import TestSupport
import Testing

@testable import LayerArchive

/// SECURITY C9, C10: sizes that lie, headers that differ, floods.
@Suite struct TarReaderTests {
  static let refused: [ArchiveCase] = [
    ArchiveCase("negative size", .refused("is negative")) {
      var header = TarBuilder.Header("x")
      header.size = -1
      $0.add(header)
    },
    ArchiveCase("a size that is no number", .refused("is no number")) {
      var header = TarBuilder.Header("x")
      header.patches = [(124, Array("12z".utf8))]
      $0.add(header)
    },
    ArchiveCase("a huge binary size", .refused("is no number")) {
      var header = TarBuilder.Header("x")
      header.patches = [(124, [0xBF] + [UInt8](repeating: 0xFF, count: 11))]
      $0.add(header)
    },
    ArchiveCase("two sizes", .refused("one size in its pax header")) {
      $0.pax([("size", "3")])
      $0.file("x", "four")
    },
    ArchiveCase("negative pax size", .refused("as \"size\"")) {
      $0.pax([("size", "-3")])
      $0.file("x", "four")
    },
    ArchiveCase("size of a directory", .refused("is no file but has a size")) {
      var header = TarBuilder.Header("d")
      (header.type, header.size) = (UInt8(ascii: "5"), 512)
      $0.add(header, content: Array(repeating: 0x41, count: 512))
    },
    ArchiveCase("wrong checksum", .refused("it is no tar archive")) {
      var header = TarBuilder.Header("x")
      header.patches = [(148, Array("0001234\u{0}".utf8))]
      $0.add(header)
    },
    ArchiveCase("wrong checksum later", .refused("checksum is wrong")) {
      $0.file("a")
      var header = TarBuilder.Header("x")
      header.patches = [(148, Array("0001234\u{0}".utf8))]
      $0.add(header)
    },
    ArchiveCase("lone block of zeros", .refused("lone block of zeros")) {
      $0.file("a")
      $0.addRaw([UInt8](repeating: 0, count: 512))
      $0.file("b")
    },
    ArchiveCase("unknown type", .refused("not known")) {
      var header = TarBuilder.Header("x")
      header.type = UInt8(ascii: "Z")
      $0.add(header)
    },
    ArchiveCase("pax record too long", .refused("pax header is malformed")) {
      $0.paxContent(Array("99 path=x\n".utf8))
      $0.file("a")
    },
    ArchiveCase("pax record too short", .refused("pax header is malformed")) {
      $0.paxContent(Array("3 path=x\n".utf8))
      $0.file("a")
    },
    ArchiveCase("pax record without an end", .refused("pax header is malformed")) {
      $0.paxContent(Array("9 path=xy".utf8))
      $0.file("a")
    },
    ArchiveCase("pax header of 1 GB", .refused("more than 1024 KiB")) {
      var header = TarBuilder.Header("x")
      (header.type, header.size) = (UInt8(ascii: "x"), 1 << 30)
      $0.add(header)
    },
    ArchiveCase("long name of 1 GB", .refused("more than 1024 KiB")) {
      var header = TarBuilder.Header("x")
      (header.type, header.size) = (UInt8(ascii: "L"), 1 << 30)
      $0.add(header)
    },
    ArchiveCase("pax header before nothing", .refused("ends after a header")) { $0.pax([("path", "x")]) },
    ArchiveCase("two pax headers", .refused("two pax headers")) {
      $0.pax([("path", "x")])
      $0.pax([("path", "y")])
      $0.file("a")
    },
    ArchiveCase("names from pax and GNU", .refused("from pax and from GNU")) {
      $0.pax([("path", "x")])
      $0.gnuLong(Array("y".utf8))
      $0.file("a")
    },
    ArchiveCase("a global path", .refused("global pax header")) {
      $0.pax([("path", "x")], global: true)
      $0.file("a")
    },
    ArchiveCase("attribute value too long", .refused("more than 65536 bytes")) {
      $0.pax([("SCHILY.xattr.user.x", [UInt8](repeating: 1, count: 65537))])
      $0.file("a")
    },
    ArchiveCase("attribute name too long", .refused("more than 255 bytes")) {
      $0.pax([("SCHILY.xattr.user." + String(repeating: "x", count: 255), "1")])
      $0.file("a")
    },
    ArchiveCase("too many attributes", .refused("more than 64 extended")) {
      $0.pax((0..<65).map { ("SCHILY.xattr.user.x\($0)", "1") })
      $0.file("a")
    },
    ArchiveCase("sparse parts overlap", .refused("map that cannot be")) {
      $0.pax([
        ("GNU.sparse.major", "0"), ("GNU.sparse.minor", "1"), ("GNU.sparse.map", "0,2,1,2"), ("GNU.sparse.size", "9"),
      ])
      $0.file("a", "abcd")
    },
    ArchiveCase("sparse part beyond the end", .refused("map that cannot be")) {
      $0.pax([("GNU.sparse.map", "8,4"), ("GNU.sparse.size", "9")])
      $0.file("a", "abcd")
    },
    ArchiveCase("sparse map and content differ", .refused("map that cannot be")) {
      $0.pax([("GNU.sparse.map", "0,3"), ("GNU.sparse.size", "9")])
      $0.file("a", "abcd")
    },
    ArchiveCase("huge sparse part", .refused("map that cannot be")) {
      $0.pax([
        ("GNU.sparse.map", "9223372036854775807,9223372036854775807"), ("GNU.sparse.size", "9223372036854775807"),
      ])
      $0.file("a", "abcd")
    },
    ArchiveCase("sparse format of tomorrow", .refused("map that cannot be")) {
      $0.pax([("GNU.sparse.major", "2"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "9")])
      $0.file("a", "abcd")
    },
    ArchiveCase("a million parts", .refused("map that cannot be")) {
      $0.pax([("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "9")])
      $0.file("a", "1000000\n" + String(repeating: "0\n", count: 200))
    },
  ]

  @Test(arguments: refused) func `what readers differ on is refused`(test: ArchiveCase) throws {
    guard case .refused(let text) = test.outcome else { return }
    for step in [Int.max, 511] {
      let reader = TarReader(MemorySource(test.archive, step: step), failure: ArchiveFailure(doing: "reading"))
      let error = #expect(throws: EngineError.self) { while try reader.next() {} }
      #expect(error?.reason.contains(text) == true, "\(error?.reason ?? "")")
    }
  }

  private func entries(_ archive: [UInt8], step: Int = .max) throws -> [(entry: TarEntry, content: [UInt8])] {
    let reader = TarReader(MemorySource(archive, step: step), failure: ArchiveFailure(doing: "reading"))
    var result: [(TarEntry, [UInt8])] = []
    while try reader.next() { result.append((reader.entry, try reader.content(limit: 1 << 20))) }
    return result
  }

  @Test func `every form of a name is read`() throws {
    let long = Array(String(repeating: "directory/", count: 30).utf8) + Array("file".utf8)
    let archive = tar {
      var header = TarBuilder.Header("name")
      header.prefix = Array("some/prefix".utf8)
      $0.add(header)
      $0.gnuLong(long)
      $0.file("cut", "1")
      $0.pax([("path", long), ("mtime", Array("-1.5".utf8))])
      $0.file("cut", "2")
      $0.gnuLong(long, link: true)
      $0.symlink("s", to: "cut")
      $0.pax([("comment", "nothing")], global: true)
      var old = TarBuilder.Header("old/")
      (old.magic, old.type) = (.none, 0)
      $0.add(old)
    }
    let found = try entries(archive)
    #expect(
      found.map(\.entry.path) == [Array("some/prefix/name".utf8), long, long, Array("s".utf8), Array("old/".utf8)])
    #expect(found[1].content == [0x31])
    #expect(found[2].entry.mtimeSeconds == -2)
    #expect(found[2].entry.mtimeNanoseconds == 500_000_000)
    #expect(found[3].entry.linkTarget == long)
    #expect(found[4].entry.kind == .directory)
  }

  @Test func `an archive may end without its end blocks, but not inside an entry`() throws {
    var builder = TarBuilder()
    builder.file("a", "content")
    #expect(try entries(builder.bytes).count == 1)
    #expect(try entries(builder.bytes + [UInt8](repeating: 0, count: 512)).count == 1)
    #expect(try entries([]).isEmpty)
    for length in [1, 511, 513, 700, 1023] {
      #expect(throws: EngineError.self, "cut at \(length)") { try entries(Array(builder.bytes[..<length])) }
    }
  }

  @Test func `ids and sizes of every width are read`() throws {
    let archive = tar {
      var header = TarBuilder.Header("x")
      (header.uid, header.gid, header.mtime) = (3_000_000, 4_294_967_295, -5)
      $0.add(header)
      $0.pax([("uid", "70000000000"), ("gid", "5")])
      $0.file("y")
    }
    let found = try entries(archive).map(\.entry)
    #expect(found.map(\.uid) == [3_000_000, 70_000_000_000])
    #expect(found.map(\.gid) == [4_294_967_295, 5])
    #expect(found[0].mtimeSeconds == -5)
  }

  @Test func `sparse files of every format come out the same`() throws {
    let records = [("GNU.sparse.size", "20"), ("GNU.sparse.numblocks", "2")]
    var old = TarBuilder.Header("sparse")
    (old.magic, old.type, old.size) = (.gnu, UInt8(ascii: "S"), 6)
    let parts: [Int64] = [2, 3, 10, 3]
    old.patches = parts.enumerated().map { (386 + $0.offset * 12, TarBuilder.number($0.element, 12)) }
    old.patches.append((483, TarBuilder.number(20, 12)))
    let map = "2\n2\n3\n10\n3\n"
    let archive = tar {
      $0.pax(
        records + [
          ("GNU.sparse.offset", "2"), ("GNU.sparse.numbytes", "3"), ("GNU.sparse.offset", "10"),
          ("GNU.sparse.numbytes", "3"),
        ])
      $0.file("sparse", "abcdef")
      $0.pax(records + [("GNU.sparse.map", "2,3,10,3"), ("GNU.sparse.name", "sparse")])
      $0.file("GNUSparseFile.0/sparse", "abcdef")
      $0.pax([
        ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "sparse"),
        ("GNU.sparse.realsize", "20"),
      ])
      $0.file(
        Array("GNUSparseFile.0/sparse".utf8),
        Array(map.utf8) + [UInt8](repeating: 0, count: 512 - map.utf8.count) + Array("abcdef".utf8))
      $0.add(old, content: Array("abcdef".utf8))
      $0.file("after", "ok")
    }
    for step in [Int.max, 3] {
      let found = try entries(archive, step: step)
      #expect(found.count == 5)
      for (entry, content) in found.prefix(4) {
        #expect(entry.path == Array("sparse".utf8))
        #expect(content == Array("\0\0abc\0\0\0\0\0def\0\0\0\0\0\0\0".utf8))
      }
      #expect(found.last?.content == Array("ok".utf8))
    }
  }

  @Test func `the number of entries is limited`() throws {
    var limits = ArchiveLimits()
    limits.entries = 10
    let archive = tar { builder in (0..<11).forEach { builder.file("f\($0)") } }
    let reader = TarReader(MemorySource(archive), limits: limits, failure: ArchiveFailure(doing: "reading"))
    let error = #expect(throws: EngineError.self) { while try reader.next() {} }
    #expect(error?.kind == .limitReached)
  }
}
