import Basics
import LinuxKernel
import OCI
import Storage
import TestSupport
import Testing
import store_probe

/// Copies of layers for containers with an id map of their own.
@Suite(.requires(.root)) struct ShiftedLayersTests {
  private static let map = IDMap(
    uids: [IDRange(inside: 0, outside: 1, count: 1000), IDRange(inside: 1000, outside: 0, count: 1)],
    gids: [IDRange(inside: 0, outside: 1, count: 1000), IDRange(inside: 1000, outside: 0, count: 1)])

  private func status(_ store: StateDirectory, _ path: String) throws -> FileStatus {
    try File.status(at: store.root.raw, path)
  }

  @Test func `a copy is made once, is no damage, and goes with its layer`() throws {
    try withStore { store in
      let image = try store.addImage("app", layers: ["a", "b"])
      let layers = [digest("a"), digest("b")]
      let shifted = ShiftedLayers(store, Self.map)
      try shifted.prepare(layers) { Issue.record("took long: \($0)") }
      let file = shifted.tree(digest("a")) + "/file"
      let made = try status(store, file)
      #expect(made.uid == 1 && made.gid == 1)
      #expect(try status(store, StatePath.layerTree(digest("a")) + "/file").uid == 0)
      try shifted.prepare(layers) { Issue.record("took long: \($0)") }
      #expect(try status(store, file).inode == made.inode)
      #expect(names(in: store.location.root + "/staging").isEmpty)
      // Of another map there is another one.
      var other = Self.map
      other.uids[0].count = 999
      #expect(ShiftedLayers(store, other).tree(digest("a")) != shifted.tree(digest("a")))

      var check = StoreCheck(store) { _ in nil }
      #expect(try check.run() == [])
      try ImageStore(store).remove([image.manifest.digest])
      #expect(Set(try GarbageCollector(store).collect().layers) == Set(layers))
      #expect(try !File.exists(at: store.root.raw, file))
      #expect(names(in: store.location.root + "/trash").isEmpty)
    }
  }

  @Test func `a copy with a wrong owner is named, removed and made again`() throws {
    try withStore { store in
      try store.addImage("app", layers: ["a"])
      let shifted = ShiftedLayers(store, Self.map)
      try shifted.prepare([digest("a")]) { _ in }
      let file = "\(store.location.root)/\(shifted.tree(digest("a")))/file"
      try mustRun(["chown", "0:0", file])
      var check = StoreCheck(store) { _ in nil }
      let damages = try check.run()
      #expect(damages.map(\.detail) == ["\"file\" has another owner"])
      #expect(damages.map(\.object) == ["a copy of layer \(digest("a").short)"])
      let repair = StoreRepair(store, sources: check.sources) { _, _ in Issue.record("the layer itself is whole") }
      for damage in damages { #expect(try repair.repair(damage) { _ in }) }
      #expect(try check.run() == [])
      try shifted.prepare([digest("a")]) { _ in }
      #expect(try status(store, shifted.tree(digest("a")) + "/file").uid == 1)
    }
  }

  @Test func `who waits is told which layer, and a layer that is missing is said`() throws {
    try withStore { store in
      try store.addImage("app", layers: ["a"])
      var sentences: [String] = []
      try ShiftedLayers(store, Self.map).prepare([digest("a")], patience: -1) { sentences.append($0) }
      #expect(sentences == ["preparing layer \(digest("a").short) for --userns keep-id"])
      let error = try #require(throws: EngineError.self) {
        try ShiftedLayers(store, Self.map).prepare([digest("gone")]) { _ in }
      }
      #expect(error.kind == .corrupt)
      #expect(names(in: store.location.root + "/staging").isEmpty)
    }
  }
}
