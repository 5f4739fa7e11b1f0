import Basics
import LinuxKernel
import OCI
import Storage
import TestSupport
import Testing
import store_probe

@Suite struct ImageStoreTests {
  @Test func `an image is found by each of its names and digests`() throws {
    try withStore { store in
      let image = try store.addImage("busybox", layers: ["a", "b"])
      let images = ImageStore(store)
      for text in [
        "busybox", "busybox:latest", "docker.io/library/busybox", "localhost/busybox", image.id.description,
        image.id.hex,
        String(image.id.hex.prefix(12)), "sha256:\(image.id.hex.prefix(7))", image.manifest.digest.description,
        "busybox@\(image.manifest.digest)",
      ] {
        #expect(try images.find(text, doing: "x").image.id == image.id, "\(text)")
      }
      #expect(try images.find("localhost/busybox", doing: "x").name?.familiar == "busybox:latest")
      #expect(try images.find(image.id.hex, doing: "x").name == nil)
      #expect(try images.config(of: image).diffIDs == [digest("a"), digest("b")])
    }
  }

  @Test(arguments: [
    ("nope", "No such image: nope:latest"), ("busybox:1", "No such image: busybox:1"),
    ("quay.io/busybox", "No such image: quay.io/busybox:latest"),
    (String(repeating: "0", count: 64), "No such image: \(String(repeating: "0", count: 64))"),
  ]) func `what is no image is not found in docker's words`(text: String, reason: String) throws {
    try withStore { store in
      try store.addImage("busybox", layers: ["a"])
      let error = try #require(throws: EngineError.self) { try ImageStore(store).find(text, doing: "x") }
      #expect(error.kind == .notFound)
      #expect(error.reason == reason)
    }
  }

  @Test func `a name moves to the newer image and the older dangles`() throws {
    try withStore { store in
      let old = try store.addImage("app", layers: ["a"])
      let new = try store.addImage("app", layers: ["b"])
      let images = try ImageStore(store).list()
      #expect(images.first { $0.id == old.id }?.references == [])
      #expect(images.first { $0.id == new.id }?.references.map(\.familiar) == ["app:latest"])
    }
  }

  @Test func `the same image again changes nothing`() throws {
    try withStore { store in
      try store.addImage("app", layers: ["a"])
      try store.addImage("app", layers: ["a"])
      #expect(try ImageStore(store).list().count == 1)
      #expect(names(in: store.location.root + "/staging").isEmpty)
    }
  }

  @Test func `tags come and go and the last leaves the image dangling`() throws {
    try withStore { store in
      let images = ImageStore(store)
      let image = try store.addImage("app", layers: ["a"])
      let second = try Reference(parsing: "quay.io/x/app:2")
      try images.tag(image, as: second)
      #expect(try images.find("quay.io/x/app:2", doing: "x").image.references.count == 2)
      #expect(try images.untag(try Reference(parsing: "app:latest")))
      #expect(try !images.untag(try Reference(parsing: "app:latest")))
      #expect(try images.untag(second))
      #expect(try images.list().map(\.references) == [[]])
      #expect(try images.find(image.id.short, doing: "x").image.id == image.id)
    }
  }

  @Test func `entries and members of other tools survive`() throws {
    try withStore { store in
      try store.addImage("app", layers: ["a"])
      let path = "\(store.location.root)/index.json"
      var text = try readText(path)
      text = text.replacing(
        "\"manifests\":[",
        with: """
          "x-other":1,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"\(digest("i"))",\
          "size":3,"x-data":[1]},
          """)
      try write(text, to: path)
      try store.addImage("two", layers: ["b"])
      let index = try JSON(parsing: try readText(path))
      #expect(index["x-other"] == 1)
      #expect(index["manifests"]?.arrayValue?.first?["x-data"] == [1])
      #expect(try ImageStore(store).list().count == 2)
    }
  }

  @Test func `an image that another tool put in without our notes is listed by its config`() throws {
    try withStore { store in
      let image = try store.addImage("app", layers: ["a"])
      let entry: JSON = [
        "schemaVersion": 2,
        "manifests": [
          [
            "mediaType": .string(image.manifest.mediaType.rawValue), "digest": .string("\(image.manifest.digest)"),
            "size": .integer(image.manifest.size),
          ]
        ],
      ]
      try write(entry.bytes(), to: "\(store.location.root)/index.json")
      #expect(try ImageStore(store).list().map(\.id) == [image.id])
    }
  }

  /// SECURITY B1.
  @Test func `bytes that are not those of the digest are not used`() throws {
    try withStore { store in
      let image = try store.addImage("app", layers: ["a"])
      try write(#"{"rootfs":{"diff_ids":[]}}"#, to: "\(store.location.root)/\(StatePath.blob(image.id))")
      let error = try #require(throws: EngineError.self) { try ImageStore(store).config(of: image) }
      #expect(error.kind == .corrupt)
    }
  }

  /// SECURITY B1, B10.
  @Test func `content other than its digest says is refused and nothing of it stays`() throws {
    try withStore { store in
      let ingest = try ContentIngest(store)
      let writer = try ingest.blob()
      _ = try [1, 2, 3].withUnsafeBytes { try writer.write($0) }
      #expect(throws: EngineError.self) { try writer.finish(expecting: digest("x"), size: nil) }
      #expect(throws: EngineError.self) { try writer.finish(expecting: nil, size: 1) }
      let layer = try #require(try ingest.layer(digest("x")))
      #expect(throws: EngineError.self) {
        try layer.finish(archive: (digest("y"), 1), contentSize: 1, entries: 1)
      }
      try ingest.publish()
      #expect(try BlobStore(store).list().isEmpty)
      #expect(try LayerStore(store).list().isEmpty)
    }
  }

  /// SECURITY C12.
  @Test func `of two who bring the same layer the loser takes the winner's`() throws {
    try withStore { store in
      let one = try ContentIngest(store)
      let two = try ContentIngest(try store.reopened())
      for (ingest, text) in [(one, "one"), (two, "two")] {
        let draft = try #require(try ingest.layer(digest("l")))
        try RecordFile.create(.string(text), at: draft.tree.raw, "file", durable: false)
        try draft.finish(archive: (digest("l"), 1), contentSize: 1, entries: 1)
      }
      try one.publish()
      try two.publish()
      #expect(try LayerStore(store).list() == [digest("l")])
      #expect(try readText("\(store.location.root)/\(StatePath.layerTree(digest("l")))/file") == #""one""#)
      #expect(try ContentIngest(store).layer(digest("l")) == nil)
    }
  }
}
