import Basics
import LinuxKernel
import OCI
import Storage
import TestSupport
import Testing
import store_probe

@Suite struct StoreCheckTests {
  /// A layer of `addImage` holds a file with the text of its blob.
  private func verify(_ store: StateDirectory) -> (LayerSource) throws(EngineError) -> String? {
    { (source) throws(EngineError) in
      try during("comparing") {
        let blob = try BlobStore(store).read(source.blob)
        let file = try File.readAll(
          "\(store.location.root)/\(StatePath.layerTree(source.diffID))/file", limit: 1000)
        return JSON.string(String(decoding: blob, as: UTF8.self)).bytes() == file ? nil : "file differs"
      }
    }
  }

  private func extract(_ source: LayerSource, _ ingest: ContentIngest) throws(EngineError) {
    try during("extracting") {
      let text = String(decoding: try BlobStore(ingest.directory).read(source.blob), as: UTF8.self)
      guard let draft = try ingest.layer(source.diffID) else { throw FixtureError("the layer is still there") }
      try RecordFile.create(.string(text), at: draft.tree.raw, "file", durable: false)
      try draft.finish(archive: (source.diffID, 1), contentSize: 10, entries: 1)
    }
  }

  private func check(_ store: StateDirectory) throws -> [StoreDamage] {
    var check = StoreCheck(store, verifyLayer: verify(store))
    return try check.run()
  }

  /// Finds, repairs all, and finds nothing any more.
  private func repair(_ store: StateDirectory) throws -> [String] {
    var check = StoreCheck(store, verifyLayer: verify(store))
    let damages = try check.run()
    let repair = StoreRepair(store, sources: check.sources, extract: extract)
    var said: [String] = []
    for damage in damages { #expect(try repair.repair(damage) { said.append($0) }) }
    #expect(try self.check(store) == [])
    return said
  }

  private func withFullStore(_ body: (StateDirectory, StoredImage, ContainerRecord) throws -> Void) throws {
    try withStore { store in
      let image = try store.addImage("app", layers: ["a", "b"])
      try store.addImage("other", layers: ["a", "c"])
      let container = try store.makeContainer("web", layers: [digest("a"), digest("b")])
      _ = try VolumeStore(store).create(VolumeRecord(name: "data", created: .now))
      try body(store, image, container)
    }
  }

  @Test func `a whole store is clean`() throws {
    try withFullStore { store, _, _ in
      let found = try check(store)
      #expect(found == [])
    }
  }

  /// SECURITY F22: one kind of damage each, by its name.
  @Test(arguments: StoreDamage.Kind.allCases) func `damage is found and repaired`(kind: StoreDamage.Kind) throws {
    try withFullStore { store, image, container in
      let root = store.location.root
      let path: String
      switch kind {
      case .index: (path, _) = ("index.json", try write("{", to: "\(root)/index.json"))
      case .missingBlob:
        path = StatePath.blob(digest("b"))
        try File.remove("\(root)/\(path)")
      case .corruptBlob:
        path = StatePath.blob(digest("b"))
        try write("x", to: "\(root)/\(path)")
      case .foreignFile:
        path = "blobs/sha256/core"
        try write("x", to: "\(root)/\(path)")
      case .image:
        path = StatePath.blob(image.id)
        try write("{}", to: "\(root)/\(path)")
      case .missingLayer:
        path = StatePath.layer(digest("c"))
        try mustRun(["rm", "-r", "\(root)/\(path)"])
      case .corruptLayer:
        path = StatePath.layerTree(digest("c")) + "/file"
        try write("x", to: "\(root)/\(path)")
      case .containerRecord:
        path = StatePath.containerRecord(container.id)
        try write("", to: "\(root)/\(path)")
      case .containerLayer: return
      case .staleName:
        path = "names/stale"
        try mustRun(["ln", "-s", newID(), "\(root)/\(path)"])
      case .missingName:
        path = "names/web"
        try File.remove("\(root)/\(path)")
      case .volumeRecord:
        path = StatePath.volumeRecord("data")
        try write("[]", to: "\(root)/\(path)")
      case .permissions:
        path = "layers"
        try mustRun(["chmod", "755", "\(root)/\(path)"])
      }
      let found = try check(store)
      #expect(found.contains { $0.kind == kind }, "\(found)")
      #expect(try !repair(store).isEmpty)
      // What was not damaged is still there.
      let names = try ImageStore(store).list().flatMap(\.references).map(\.familiar)
      if kind != .index { #expect(names.contains("other:latest")) }
      let containers = try ContainerStore(store).ids()
      #expect(containers.isEmpty == (kind == .containerRecord))
      #expect(try VolumeStore(store).names() == ["data"])
    }
  }

  @Test func `a layer that only a container has and that is gone cannot be repaired`() throws {
    try withFullStore { store, image, _ in
      try ImageStore(store).remove([image.manifest.digest])
      try mustRun(["rm", "-r", "\(store.location.root)/\(StatePath.layer(digest("b")))"])
      let found = try check(store)
      #expect(found.map(\.kind) == [.containerLayer])
      #expect(found.map(\.remedy) == [.none])
    }
  }

  @Test func `a rebuilt index has all images, without their names`() throws {
    try withFullStore { store, image, _ in
      try write("", to: store.location.root + "/index.json")
      _ = try repair(store)
      let images = try ImageStore(store).list()
      #expect(images.count == 2)
      #expect(images.contains { $0.id == image.id && $0.references.isEmpty })
      #expect(exists(store.location.root + "/index.json.damaged"))
    }
  }

  @Test func `a layer under a running container is not taken away`() throws {
    try withFullStore { store, _, container in
      let containers = ContainerStore(store)
      let lock = try containers.monitorLock(container.id)
      let me = try #require(ProcessIdentity.current)
      try containers.write(
        ContainerState(bootID: try store.bootID(), monitor: me, program: me, phase: .running, startedAt: .now),
        of: container.id)
      try write("x", to: "\(store.location.root)/\(StatePath.layerTree(digest("b")))/file")
      var check = StoreCheck(store, verifyLayer: verify(store))
      let damage = try #require(try check.run().first)
      let repair = StoreRepair(store, sources: check.sources, extract: extract)
      let error = try #require(throws: EngineError.self) { try repair.repair(damage) { _ in } }
      #expect(error.kind == .inUse)
      withExtendedLifetime(lock) {}
    }
  }
}
