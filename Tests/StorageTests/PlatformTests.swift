import Basics
import LinuxKernel
import OCI
import Storage
import TestSupport
import Testing
import store_probe

/// Several images of one name, one for each platform, and the names with digests that registries know.
@Suite struct PlatformTests {
  private static let amd64 = Platform(os: "linux", architecture: "amd64")
  private static let arm64 = Platform(os: "linux", architecture: "arm64")
  private static let armV7 = Platform(os: "linux", architecture: "arm", variant: "v7")
  private static let armV6 = Platform(os: "linux", architecture: "arm", variant: "v6")

  private func pulled(_ text: String) throws -> Reference { try Reference(parsing: "app@\(digest(text))") }

  @Test func `images of one name for several platforms live side by side`() throws {
    try withStore { store in
      let images = ImageStore(store)
      let arm = try store.addImage("app", layers: ["arm"], platform: Self.armV6)
      let other = try store.addImage("app", layers: ["a64"], platform: Self.arm64)
      let here = try store.addImage("app", layers: ["here"], platform: Self.amd64)
      #expect(try images.list().count == 3)
      #expect(try images.find("app", doing: "x").image.id == (Platform.host == Self.amd64 ? here.id : other.id))
      #expect(try images.find("app", platform: Self.arm64, doing: "x").image.id == other.id)
      #expect(try images.find("app", platform: Self.armV7, doing: "x").image.id == arm.id, "an older level runs there")
      let error = try #require(throws: EngineError.self) {
        try images.find("app", platform: Platform(os: "linux", architecture: "s390x"), doing: "x")
      }
      #expect(error.kind == .notFound)
      #expect(error.reason == "image app is for linux/amd64, linux/arm/v6, linux/arm64, not for linux/s390x")
    }
  }

  @Test func `a name moves from the image of its platform only`() throws {
    try withStore { store in
      let images = ImageStore(store)
      let old = try store.addImage("app", layers: ["1"], platform: Self.amd64)
      let other = try store.addImage("app", layers: ["2"], platform: Self.arm64)
      let new = try store.addImage("app", layers: ["3"], platform: Self.amd64)
      let named = try images.images(named: try Reference(parsing: "app:latest"))
      #expect(Set(named.map(\.id)) == [other.id, new.id])
      #expect(try images.list().first { $0.id == old.id }?.references == [])
      #expect(try images.untag(try Reference(parsing: "app:latest"), from: new.manifest.digest))
      #expect(try images.find("app", doing: "x").image.id == other.id)
      // To name an image by hand says what the name means from now on, whatever the platform.
      try images.tag(new, as: try Reference(parsing: "app:latest"))
      #expect(try images.find("app", platform: nil, doing: "x").image.id == new.id)
      #expect(try images.images(named: try Reference(parsing: "app:latest")).count == 1)
    }
  }

  @Test func `an entry without a platform is of its config's`() throws {
    try withStore { store in
      let image = try store.addImage("app", layers: ["1"], platform: Self.arm64)
      let path = "\(store.location.root)/index.json"
      try write(
        try readText(path).replacing(#""platform":{"architecture":"arm64","os":"linux"}"#, with: #""x":1"#), to: path)
      #expect(try ImageStore(store).list().first?.manifest.platform == nil)
      try store.addImage("app", layers: ["2"], platform: Self.amd64)
      #expect(try ImageStore(store).find("app", platform: Self.arm64, doing: "x").image.id == image.id)
    }
  }

  @Test func `an image is known by the digest it was pulled by`() throws {
    try withStore { store in
      let images = ImageStore(store)
      let index = try pulled("index")
      let a = try store.addImage("app", layers: ["a"], platform: Self.amd64, digests: [index])
      let b = try store.addImage("app", layers: ["b"], platform: Self.arm64, digests: [index])
      #expect(try images.find("app@\(digest("index"))", platform: Self.arm64, doing: "x").image.id == b.id)
      #expect(try images.find("app:any@\(digest("index"))", platform: Self.amd64, doing: "x").image.id == a.id)
      #expect(try images.find("\(digest("index"))", platform: Self.amd64, doing: "x").image.id == a.id)
      // SECURITY B14.
      #expect(throws: EngineError.self) { try images.find("evil@\(digest("index"))", doing: "x") }
      #expect(throws: EngineError.self) { try images.find("evil@\(a.manifest.digest)", doing: "x") }
    }
  }

  @Test func `digests stay when a tag moves on and go when a person takes the last tag away`() throws {
    try withStore { store in
      let images = ImageStore(store)
      let first = try store.addImage("app", layers: ["1"], digests: [try pulled("1")])
      try store.addImage("app", layers: ["2"], digests: [try pulled("2")])
      func digests(_ image: StoredImage) throws -> [Reference]? {
        try images.list().first { $0.id == image.id }?.digests
      }
      #expect(try digests(first) == [try pulled("1")])
      try images.tag(first, as: try Reference(parsing: "other:1"))
      try images.tag(first, as: try Reference(parsing: "app:old"))
      #expect(try digests(first) == [try pulled("1")])
      #expect(try images.find("app@\(digest("1"))", doing: "x").image.id == first.id)
      try images.untag(try Reference(parsing: "other:1"))
      try images.untag(try Reference(parsing: "app:old"))
      #expect(try digests(first) == [])
      try images.add(digest: try pulled("3"), to: first)
      try images.add(digest: try pulled("3"), to: first)
      #expect(try digests(first) == [try pulled("3")])
      #expect(try images.untag(try pulled("3")))
      #expect(try digests(first) == [])
    }
  }

  @Test func `a name that is taken away leaves the digests of other repositories`() throws {
    try withStore { store in
      let images = ImageStore(store)
      let image = try store.addImage("app", layers: ["1"], digests: [try pulled("1")])
      let other = try Reference(parsing: "localhost:5000/app@\(digest("2"))")
      try images.add(digest: other, to: image)
      for name in ["localhost:5000/app:1", "localhost:5000/app:2"] {
        try images.tag(image, as: try Reference(parsing: name))
      }
      func digests() throws -> [Reference]? { try images.list().first { $0.id == image.id }?.digests }
      try images.untag(try Reference(parsing: "app:latest"))
      #expect(try digests() == [other])
      try images.untag(try Reference(parsing: "localhost:5000/app:1"))
      #expect(try digests() == [other])
      try images.untag(try Reference(parsing: "localhost:5000/app:2"))
      #expect(try digests() == [])
    }
  }

  @Test func `an image pulled by digest alone has no tag, and one more digest when it is pulled again`() throws {
    try withStore { store in
      let images = ImageStore(store)
      try store.addImage(nil, layers: ["1"], digests: [try pulled("1")])
      let again = try store.addImage(nil, layers: ["1"], digests: [try pulled("2"), try pulled("1")])
      #expect(again.references == [])
      #expect(again.digests == [try pulled("1"), try pulled("2")])
      let tagged = try store.addImage("app", layers: ["1"])
      #expect(tagged.digests == [try pulled("1"), try pulled("2")])
      #expect(try images.list().count == 1)
    }
  }

  @Test func `an index is kept as long as an image was chosen from it, and given back when it is whole`() throws {
    try withStore { store in
      let images = ImageStore(store)
      let a = try store.addImage("one", layers: ["a"], platform: Self.amd64)
      let b = try store.addImage("two", layers: ["b"], platform: Self.arm64)
      let bytes = ImageIndex(manifests: [a.manifest, b.manifest]).json.bytes()
      do {
        let ingest = try ContentIngest(store)
        #expect(try ingest.add(blob: bytes) == SHA256Stream.digest(bytes))
        try ingest.publish()
        try images.add(digest: try Reference(parsing: "app@\(SHA256Stream.digest(bytes))"), to: a)
      }
      _ = try GarbageCollector(store).collect()
      let found = try images.find("one", doing: "x").image
      let whole = try #require(try images.wholeIndex(of: found))
      #expect(whole.descriptor.digest == SHA256Stream.digest(bytes))
      #expect(whole.blobs.contains(digest("a")) && whole.blobs.contains(b.id))
      #expect(try images.wholeIndex(of: b) == nil)
      try images.remove([b.manifest.digest])
      _ = try GarbageCollector(store).collect()
      #expect(try images.wholeIndex(of: found) == nil, "the other platform is gone")
      #expect(try BlobStore(store).contains(whole.descriptor.digest))
      try images.remove([a.manifest.digest])
      _ = try GarbageCollector(store).collect()
      #expect(try BlobStore(store).list() == [])
      var check = StoreCheck(store, verifyLayer: nil)
      #expect(try check.run() == [])
    }
  }
}
