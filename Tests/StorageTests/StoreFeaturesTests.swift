import Basics
import LinuxKernel
import Storage
import TestSupport
import Testing
import store_probe

@Suite struct StoreFeaturesTests {
  private func map(_ start: UInt32, _ count: UInt32) -> IDMap {
    let ranges = [IDRange(inside: 0, outside: 1001, count: 1), IDRange(inside: 1, outside: start, count: count)]
    return IDMap(uids: ranges, gids: ranges)
  }

  @Test func `what the filesystem can is probed once and remembered`() throws {
    try withStore { store in
      let features = try store.features()
      #expect(features.fileTypes)
      #expect(exists(store.location.root + "/store.json"))
      let text = try readText(store.location.root + "/store.json")
      #expect(try store.reopened().features() == features)
      #expect(try readText(store.location.root + "/store.json") == text)
      #expect(names(in: store.location.root + "/staging").isEmpty)
    }
  }

  /// SECURITY F13.
  @Test func `a changed id map is refused, a grown one is taken`() throws {
    try withStore { store in
      try store.check(map(100_000, 65536))
      try store.check(map(100_000, 65536))
      let error = try #require(throws: EngineError.self) { try store.check(map(200_000, 65536)) }
      #expect(error.kind == .wrongState)
      #expect(
        error.reason
          == #"its files belong to the uids "0 1001 1, 1 100000 65536", but the user's map is now "0 1001 1, 1 200000 65536""#
      )
      var grown = map(100_000, 65536)
      grown.uids.append(IDRange(inside: 65537, outside: 300_000, count: 10))
      try store.check(grown)
      // One that lost its end gives nothing to strangers; what was remembered stays.
      try store.check(map(100_000, 65536))
      #expect(throws: EngineError.self) { try store.check(map(300_000, 65536)) }
      try store.check(grown)
    }
  }

  @Test func `a store of a newer program is refused with words`() throws {
    try withStore { store in
      try store.prepare()
      try write(#"{"version":2}"#, to: store.location.root + "/store.json", mode: 0o600)
      let error = try #require(throws: EngineError.self) { try store.features() }
      #expect(error.kind == .unsupported)
      #expect(error.reason.contains("newer dhow"))
    }
  }
}
