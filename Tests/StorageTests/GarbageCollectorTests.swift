import Basics
import LinuxKernel
import OCI
import Storage
import TestSupport
import Testing
import store_probe

@Suite struct GarbageCollectorTests {
  @Test func `what an image, a container or an ingest refers to stays, the rest goes`() throws {
    try withStore { store in
      let kept = try store.addImage("kept", layers: ["base", "kept"])
      let gone = try store.addImage("gone", layers: ["base", "used", "unused"])
      try store.makeContainer("web", layers: [digest("base"), digest("used")])
      let ingest = try ContentIngest(store)
      try ingest.pin(blobs: [digest("unused")])
      try ImageStore(store).remove([gone.manifest.digest])
      let outcome = try GarbageCollector(store).collect()
      #expect(outcome.layers == [digest("unused")])
      #expect(Set(outcome.blobs) == [gone.id, gone.manifest.digest, digest("used")])
      #expect(outcome.trashFailure == nil)
      #expect(Set(try LayerStore(store).list()) == [digest("base"), digest("kept"), digest("used")])
      #expect(try BlobStore(store).contains(digest("unused")))
      #expect(try ImageStore(store).config(of: kept).diffIDs.count == 2)
      #expect(names(in: store.location.root + "/trash").isEmpty)
    }
  }

  @Test func `nothing is collected while something that refers to content is unreadable`() throws {
    try withStore { store in
      let record = try store.makeContainer("web", layers: [digest("used")])
      try store.addImage(nil, layers: ["a"])
      try write("{", to: "\(store.location.root)/\(StatePath.containerRecord(record.id))")
      let error = try #require(throws: EngineError.self) { try GarbageCollector(store).collect() }
      #expect(error.kind == .corrupt)
      #expect(try LayerStore(store).contains(digest("a")))
    }
  }

  @Test func `staging of the dead is swept, that of the living is not`() throws {
    try withStore { store in
      let living = try ContentIngest(store)
      let root = store.location.root
      for name in ["dead", "old", "young"] { try makeDirectory("\(root)/staging/\(name)/tree/x") }
      try write("", to: "\(root)/staging/dead/lock")
      try mustRun(["touch", "-d", "1 hour ago", "\(root)/staging/old"])
      try GarbageCollector(store).sweep()
      let left = names(in: root + "/staging")
      #expect(left.count == 2)
      #expect(left.contains("young"))
      #expect(names(in: root + "/trash").isEmpty)
      withExtendedLifetime(living) {}
    }
  }

  @Test func `containers that remove themselves go with their boot, others stay`() throws {
    try withStore { store in
      let containers = ContainerStore(store)
      let dead = try store.makeContainer("dead", removesItself: true)
      let empty = try store.makeContainer("empty", removesItself: true)
      let unstarted = try store.makeContainer("unstarted", removesItself: true)
      let kept = try store.makeContainer("kept")
      let me = try #require(ProcessIdentity.current)
      let start = StartRecord(bootID: "another", monitor: me, program: me, startedAt: .now)
      for id in [dead.id, kept.id] { try containers.write(start, of: id, durable: false) }
      try write("", to: "\(store.location.root)/\(StatePath.containerRecord(empty.id))")
      try GarbageCollector(store).sweep()
      #expect(Set(try containers.ids()) == [unstarted.id, kept.id])
    }
  }

  @Test func `stale names go`() throws {
    try withStore { store in
      try store.makeContainer("web")
      try mustRun(["ln", "-s", newID(), "\(store.location.root)/names/stale"])
      try write("x", to: "\(store.location.root)/names/file")
      #expect(Set(try GarbageCollector(store).collect().names) == ["stale", "file"])
      #expect(names(in: store.location.root + "/names") == ["web"])
    }
  }

  @Test func `the figures are du's`() throws {
    try withStore { store in
      try store.addImage("app", layers: ["a", "b"])
      let root = store.location.root
      try mustRun(["ln", "\(root)/oci-layout", "\(root)/layers/link"])
      try mustRun(["dd", "if=/dev/zero", "of=\(root)/blobs/big", "bs=1000", "count=100", "status=none"])
      let text = try mustRun(["du", "-s", "--block-size=1", root]).stdout
      let expected = Int64(String(decoding: text.prefix { $0 != UInt8(ascii: "\t") }, as: UTF8.self))
      #expect(try SpaceUsage(store).allocated(".") == expected)
    }
  }

  /// SECURITY F9, F11: two hundred makers, each sweeping when it is done, as `create` does.
  @Test func `makers and sweepers at once disturb nobody`() throws {
    try withStore { store in
      try store.addImage("app", layers: ["a"])
      let probe = try #require(probe)
      let running = try (0..<200).map {
        try ChildProcess([probe, store.location.root, store.location.runRoot, "create-and-sweep", "c\($0 % 150)-x"])
      }
      let outcomes = running.map { $0.wait() }
      // Fifty names are wanted twice: each has one winner, and one loser who is told so.
      #expect(outcomes.count { $0.succeeded } == 150)
      for outcome in outcomes where !outcome.succeeded {
        #expect(String(decoding: outcome.stderr, as: UTF8.self).contains("is already in use by container"))
      }
      #expect(try ContainerStore(store).ids().count == 150)
      #expect(names(in: store.location.root + "/staging").isEmpty)
    }
  }
}
