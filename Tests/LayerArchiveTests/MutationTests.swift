import Basics
import LinuxKernel
import TestSupport
import Testing

@testable import LayerArchive

/// Deterministic mutations of a small corpus: whatever comes, an archive is unpacked or refused, and canaries live.
@Suite struct MutationTests {
  /// SplitMix64: the same sequence everywhere.
  private struct Sequence64 {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
  }

  private static let corpus: [[UInt8]] = [
    tar {
      $0.directory("d")
      $0.file("d/f", String(repeating: "x", count: 700))
      $0.symlink("l", to: "../sibling")
      $0.hardLink("h", to: "d/f")
      $0.file("d/.wh.x")
      $0.file("d/.wh..wh..opq")
    },
    tar {
      $0.pax([("path", "some/where/../else"), ("mtime", "12.5"), ("SCHILY.xattr.user.x", "y"), ("size", "3")])
      $0.file("x", "abc")
      $0.gnuLong(Array((String(repeating: "long/", count: 40) + "y").utf8))
      $0.file("y", "z")
      $0.pax([("GNU.sparse.map", "2,3,10,3"), ("GNU.sparse.size", "20"), ("GNU.sparse.name", "s")])
      $0.file("s", "abcdef")
    },
    tar {
      var header = TarBuilder.Header("sparse")
      (header.magic, header.type, header.size) = (.gnu, UInt8(ascii: "S"), 4)
      header.patches = [
        (386, TarBuilder.number(0, 12)), (398, TarBuilder.number(4, 12)), (483, TarBuilder.number(8, 12)),
      ]
      $0.add(header, content: Array("abcd".utf8))
      $0.device("dev", major: 1, minor: 3)
      $0.fifo("p")
      $0.symlink("a", to: "/")
      $0.file("a/../b", "c")
    },
  ]

  /// Changes bytes, and mends header checksums three times out of four, else nearly every mutant ends there.
  private static func mutant(_ original: [UInt8], _ random: inout Sequence64) -> [UInt8] {
    var bytes = original
    for _ in 0...random.below(6) {
      let place = random.below(bytes.count)
      switch random.below(6) {
      case 0: bytes[place] ^= 1 << UInt8(random.below(8))
      case 1: bytes[place] = UInt8(truncatingIfNeeded: random.next())
      case 2: bytes[place] = [0x2F, 0x2E, 0x30, 0x37, 0x80, 0xFF, 0x00, 0x20][random.below(8)]
      case 3: bytes.removeSubrange(place..<min(place + 512, bytes.count))
      case 4:
        bytes.insert(
          contentsOf: bytes[place / 512 * 512..<min(place / 512 * 512 + 512, bytes.count)], at: place / 512 * 512)
      default:
        bytes[place / 512 * 512 + min(156, bytes.count - place / 512 * 512 - 1)] =
          Array("0123456xgLKS".utf8)[random.below(12)]
      }
      if bytes.isEmpty { return bytes }
    }
    guard random.below(4) > 0 else { return bytes }
    for block in stride(from: 0, to: bytes.count - 511, by: 512)
    where bytes[block + 257..<block + 262].elementsEqual("ustar".utf8) {
      for index in 148..<156 { bytes[block + index] = 0x20 }
      let sum = bytes[block..<block + 512].reduce(0) { $0 + Int64($1) }
      let digits = Array(String(sum, radix: 8).utf8)
      let text = [UInt8](repeating: 0x30, count: 6 - digits.count) + digits + [0]
      bytes.replaceSubrange(block + 148..<block + 155, with: text)
    }
    return bytes
  }

  @Test(arguments: 0..<3) func `mutants are unpacked or refused, and harm nothing`(index: Int) throws {
    var random = Sequence64(state: 20_261_121 + UInt64(index))
    let fixture = try ExtractionFixture()
    _ = try fixture.unpack(Self.corpus[index]).get()
    var unpacked = 0
    var refused = 0
    for _ in 0..<250 {
      let archive = Self.mutant(Self.corpus[index], &random)
      switch try fixture.unpack(archive, step: 1 + random.below(900)) {
      case .success: unpacked += 1
      case .failure: refused += 1
      }
      let target = try File.openDirectory(fixture.canaries.target)
      try TreeRemoval.removeContents(target.raw, shown: "the target")
    }
    #expect(try fixture.canaries.damages() == [])
    // Mutations that all fail, or none, would test nothing.
    #expect(unpacked > 5 && refused > 20, "\(unpacked) unpacked, \(refused) refused")
  }
}
