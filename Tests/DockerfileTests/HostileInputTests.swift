import Glibc
import Testing

@testable import Dockerfile

/// Whatever the bytes, the answer is a stage list or one error; never a crash, never a long wait (SECURITY D5, D12).
@Suite struct HostileInputTests {
  /// A small generator with a seed, so that a failure comes again.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 29)
    }
  }

  private static let seeds = [
    "# syntax=docker/dockerfile:1\n# escape=`\nARG a=1\nFROM --platform=$BUILDPLATFORM busybox:${a:-x} AS b\nRUN `\n x\n",
    "FROM a\nRUN --mount=type=cache,target=/c,id=\"x,y\",mode=0755 --network=none <<EOF cat <<-\"B\"\n$x\nEOF\n\tB\n",
    "FROM a\nCOPY --from=0 --chown=a:b --exclude=*.o [\"a b\", \"/c\"]\nADD <<A x /y/\n${v//a/b} ${w##*/}\nA\n",
    "FROM a\nHEALTHCHECK --interval=5m --retries=3 CMD [\"x\"]\nEXPOSE 80-90/udp $p\nLABEL a=\"b c\" 'd'=e\nENV x y z\n",
    "FROM scratch\nONBUILD RUN <<E\nx\nE\nSHELL [\"/bin/sh\"]\nVOLUME [\"/a\"]\nSTOPSIGNAL RTMIN+3\nUSER ${u:?no}\n",
  ]

  /// Everything that a build does with a text before it runs anything.
  private func exercise(_ bytes: [UInt8]) {
    // Most are refused; what matters is that the refusal is an answer.
    guard let file = try? ParsedDockerfile(parsing: bytes) else { return }
    var arguments = BuildArguments(given: ["a": "${b", "p": "1-"])
    _ = try? arguments.declareGlobals(of: file)
    for finding in file.lint(arguments: arguments, bases: [0: LintBase(environment: ["w=/a/b/c"])]) {
      #expect(!finding.rendered(in: file.source).isEmpty)
    }
  }

  @Test(arguments: 0..<16) func `changed bytes are answered`(seed: Int) {
    var generator = Generator(state: UInt64(seed) &+ 99)
    let marks = Array("\\`\"'$<>{}[]#=,:-\n\t \0%/*?!".utf8)
    for text in Self.seeds {
      for _ in 0..<60 {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...6, using: &generator) {
          let place = Int.random(in: 0..<bytes.count, using: &generator)
          switch Int.random(in: 0..<4, using: &generator) {
          case 0: bytes[place] = marks[Int.random(in: 0..<marks.count, using: &generator)]
          case 1: bytes.insert(marks[Int.random(in: 0..<marks.count, using: &generator)], at: place)
          case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...9, using: &generator)))
          default: bytes[place] = UInt8.random(in: 0...255, using: &generator)
          }
          if bytes.isEmpty { bytes = [0x0A] }
        }
        exercise(bytes)
      }
    }
  }

  @Test func `ignore files of any bytes are answered`() {
    var generator = Generator(state: 7)
    for _ in 0..<500 {
      let length = Int.random(in: 0..<40, using: &generator)
      let alphabet = Array("ab/*?[]^-\\!.\n# ".utf8)
      let bytes = (0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
      // As above.
      guard let patterns = try? IgnorePatterns(parsing: bytes, name: "i") else { continue }
      _ = patterns.ignores("a/b/ab")
      _ = patterns.mayTakeBack(below: "a")
    }
  }

  @Test func `every case of the corpus parses, unless it says that it fails`() throws {
    let here = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let directory = "/" + here + "/IntegrationTests/Dockerfiles"
    let handle = try #require(opendir(directory))
    defer { closedir(handle) }
    var count = 0
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name.hasSuffix(".case") else { continue }
      count += 1
      let text = try readText(directory + "/" + name)
      guard !text.contains("\nfails: "), let mark = text.range(ofText: "-- Dockerfile --\n") else { continue }
      let body = text[mark...].split(separator: "\n-- ", omittingEmptySubsequences: false).first ?? ""
      #expect(throws: Never.self, "\(name)") { try parsed(String(body) + "\n") }
    }
    #expect(count >= 150)
  }

  private func readText(_ path: String) throws -> String {
    let descriptor = open(path, O_RDONLY)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = read(descriptor, &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
  }
}

extension String {
  /// Where the text after `mark` begins.
  fileprivate func range(ofText mark: String) -> Index? {
    let wanted = Array(mark.utf8)
    let mine = Array(utf8)
    guard wanted.count <= mine.count else { return nil }
    for start in 0...mine.count - wanted.count where mine[start..<start + wanted.count].elementsEqual(wanted) {
      return utf8.index(startIndex, offsetBy: start + wanted.count)
    }
    return nil
  }
}
