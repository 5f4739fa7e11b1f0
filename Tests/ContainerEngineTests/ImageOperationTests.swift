import Basics
import ContainerEngine
import LinuxKernel
import OCI
import Storage
import TestSupport
import Testing
import store_probe

/// Runs a body with an engine that has a store of its own.
private func withEngine(_ body: (Engine) throws -> Void) throws {
  let parent = try makeTemporaryDirectory("dhow-engine")
  defer { _ = try? run(["rm", "-rf", "--", parent]) }  // what stays behind is in a temporary directory
  try body(try Engine(options: EngineOptions(root: parent + "/root", runRoot: parent + "/run")))
}

extension Engine {
  /// A container made from an image, which does not run.
  fileprivate func sampleContainer(_ name: String, of image: StoredImage) throws -> ContainerRecord {
    let draft = try containers.draft(removesItself: false)
    try draft.claim(name)
    let record = ContainerRecord(
      id: draft.id, name: name, created: .now, image: "app", imageID: image.id, manifest: image.manifest.digest,
      layers: try images.config(of: image).diffIDs, settings: ContainerSettings(), command: ["sh"])
    _ = try draft.publish(record)
    return record
  }

  /// Makes a container look as if this process were its monitor, for as long as the lock lives.
  fileprivate func pretendRunning(_ record: ContainerRecord) throws -> FileLock {
    let lock = try containers.monitorLock(record.id)
    let me = try #require(ProcessIdentity.current)
    try containers.write(
      ContainerState(bootID: try directory.bootID(), monitor: me, program: me, phase: .running, startedAt: .now),
      of: record.id)
    return lock
  }
}

@Suite struct ImageOperationTests {
  @Test func `a name that is not the last is only taken away`() throws {
    try withEngine { engine in
      let image = try engine.directory.addImage("app", layers: ["a"])
      try engine.tagImage("app", as: "quay.io/x/app:2")
      let removed = try engine.removeImage("app", force: false)
      #expect(removed == [.untagged("app:latest")])
      #expect(try engine.listImages().map(\.tags) == [["quay.io/x/app:2"]])
      #expect(try engine.imageExists(image.id.short))
    }
  }

  @Test func `the last name takes image and layers along, the topmost first by its chain id`() throws {
    try withEngine { engine in
      let image = try engine.directory.addImage("app", layers: ["base", "app"])
      try engine.directory.addImage("other", layers: ["base", "other"])
      let chain = SHA256Stream.digest(Array("\(digest("base")) \(digest("app"))".utf8))
      let removed = try engine.removeImage("app", force: false)
      #expect(removed == [.untagged("app:latest"), .deleted("\(image.id)"), .deleted("\(chain)")])
      #expect(try engine.removeImage("other", force: false).count == 4)
      #expect(try BlobStore(engine.directory).list().isEmpty)
      #expect(try LayerStore(engine.directory).list().isEmpty)
    }
  }

  @Test func `an image of several names is removed by id only with force`() throws {
    try withEngine { engine in
      let image = try engine.directory.addImage("app", layers: ["a"])
      try engine.tagImage("app", as: "app:2")
      let error = try #require(throws: EngineError.self) { try engine.removeImage(image.id.short, force: false) }
      #expect(
        error.reason
          == "conflict: unable to delete \(image.id.short) (must be forced) - image is referenced in multiple repositories"
      )
      let removed = try engine.removeImage(image.id.short, force: true)
      #expect(removed.prefix(2) == [.untagged("app:latest"), .untagged("app:2")])
      #expect(try engine.listImages().isEmpty)
    }
  }

  @Test func `an image of a stopped container is removed with force and its layers stay`() throws {
    try withEngine { engine in
      let image = try engine.directory.addImage("app", layers: ["a"])
      let container = try engine.sampleContainer("web", of: image)
      let short = Identifier.short(container.id)
      var error = try #require(throws: EngineError.self) { try engine.removeImage("app", force: false) }
      #expect(
        error.reason
          == "conflict: unable to remove repository reference \"app\" (must force) - container \(short) is using its "
          + "referenced image \(image.id.short)")
      error = try #require(throws: EngineError.self) { try engine.removeImage(image.id.hex, force: false) }
      #expect(
        error.reason
          == "conflict: unable to delete \(image.id.short) (must be forced) - image is being used by stopped container \(short)"
      )
      #expect(try engine.removeImage("app", force: true) == [.untagged("app:latest"), .deleted("\(image.id)")])
      #expect(try LayerStore(engine.directory).contains(digest("a")))
    }
  }

  /// SECURITY F10: a running container never loses a layer.
  @Test func `an image of a running container stays, whatever is forced`() throws {
    try withEngine { engine in
      let image = try engine.directory.addImage("app", layers: ["a"])
      let container = try engine.sampleContainer("web", of: image)
      let lock = try engine.pretendRunning(container)
      let error = try #require(throws: EngineError.self) { try engine.removeImage(image.id.hex, force: true) }
      #expect(
        error.reason
          == "conflict: unable to delete \(image.id.short) (cannot be forced) - image is being used by running container "
          + Identifier.short(container.id))
      #expect(try engine.removeImage("app", force: true) == [.untagged("app:latest")])
      #expect(try engine.listImages().map(\.tags) == [[]])
      withExtendedLifetime(lock) {}
    }
  }

  @Test(arguments: [
    ("app@sha256:\(String(repeating: "0", count: 64))", "refusing to create a tag with a digest reference"),
    ("sha256", "refusing to create an ambiguous tag using digest algorithm as name"),
    (
      "App",
      "\"App\" is not a valid repository/tag: invalid reference format: repository name (library/App) must be lowercase"
    ),
  ]) func `a bad new name is refused in docker's words`(name: String, reason: String) throws {
    try withEngine { engine in
      try engine.directory.addImage("app", layers: ["a"])
      let error = try #require(throws: EngineError.self) { try engine.tagImage("app", as: name) }
      #expect(error.reason == reason)
      #expect(try engine.listImages().map(\.tags) == [["app:latest"]])
    }
  }

  @Test func `untag takes names and keeps the image`() throws {
    try withEngine { engine in
      try engine.directory.addImage("app", layers: ["a"])
      try engine.directory.addImage("other", layers: ["b"])
      try engine.tagImage("app", as: "app:2")
      #expect(throws: EngineError.self) { try engine.untagImage("app", names: ["other"]) }
      try engine.untagImage("app", names: ["app:2"])
      try engine.untagImage("app", names: [])
      #expect(Set(try engine.listImages().map(\.tags)) == [[], ["other:latest"]])
    }
  }

  @Test func `prune removes what dangles, with all what no container uses`() throws {
    try withEngine { engine in
      let used = try engine.directory.addImage("used", layers: ["u"])
      _ = try engine.sampleContainer("web", of: used)
      let dangling = try engine.directory.addImage(nil, layers: ["d"])
      let free = try engine.directory.addImage("free", layers: ["f"])
      let report = try engine.pruneImages(all: false) { _ in true }
      #expect(report.removed == ["deleted: \(dangling.id)", "deleted: \(digest("d"))"])
      #expect(report.reclaimedBytes > 0)
      #expect(try engine.pruneImages(all: true) { _ in false }.removed.isEmpty)
      let all = try engine.pruneImages(all: true) { _ in true }
      #expect(all.removed == ["untagged: free:latest", "deleted: \(free.id)", "deleted: \(digest("f"))"])
      #expect(try engine.listImages().map(\.tags) == [["used:latest"]])
    }
  }

  @Test func `history is newest first with the image's id on top`() throws {
    try withEngine { engine in
      let image = try engine.directory.addImage("app", layers: ["a", "b"])
      let rows = try engine.imageHistory("app")
      #expect(rows.map(\.createdBy) == ["b", "a"])
      #expect(rows.map(\.id) == ["\(image.id)", "<missing>"])
      #expect(rows.map(\.size) == [10, 10])
    }
  }

  @Test func `image inspect has docker's members`() throws {
    try withEngine { engine in
      let image = try engine.directory.addImage("app", layers: ["a", "b"], label: "x")
      let json = try engine.inspectImage("app")
      #expect(json["Id"] == .string("\(image.id)"))
      #expect(json["RepoTags"] == ["app:latest"])
      #expect(json["RootFS"]?["Layers"]?.arrayValue?.count == 2)
      #expect(json["Config"]?["Labels"]?["label"] == "x")
      #expect(json["Created"] == "1970-01-01T00:00:01Z")
      #expect(json["Size"] == 20)
      #expect(json["GraphDriver"]?["Name"] == "overlay2")
      #expect(json["Metadata"]?["LastTagTime"]?.stringValue?.hasPrefix("20") == true)
      for member in ["RepoDigests", "Parent", "Comment", "DockerVersion", "Author", "Architecture", "Os"] {
        #expect(json[member] != nil, "\(member)")
      }
    }
  }

  @Test func `a damaged image is listed and can be removed`() throws {
    try withEngine { engine in
      let image = try engine.directory.addImage("app", layers: ["a"])
      try write("x", to: "\(engine.directory.location.root)/\(StatePath.blob(image.id))", mode: 0o600)
      #expect(try engine.listImages().map(\.tags) == [["app:latest"]])
      #expect(try engine.removeImage("app", force: false).first == .untagged("app:latest"))
      #expect(try engine.listImages().isEmpty)
    }
  }

  @Test func `info counts containers and images`() throws {
    try withEngine { engine in
      let image = try engine.directory.addImage("app", layers: ["a"])
      let lock = try engine.pretendRunning(try engine.sampleContainer("one", of: image))
      _ = try engine.sampleContainer("two", of: image)
      let info = try engine.information()
      #expect(info["Containers"] == 2)
      #expect(info["ContainersRunning"] == 1)
      #expect(info["ContainersStopped"] == 1)
      #expect(info["Images"] == 1)
      #expect(info["DockerRootDir"] == .string(engine.directory.location.root))
      withExtendedLifetime(lock) {}
    }
  }
}
