import Basics
import Glibc
import LinuxKernel
import OCI
import Registry
import TestSupport
import Testing

@Suite(.requires(.program("docker-registry")))
struct DockerRegistryTests {
  private func upload(_ bytes: [UInt8], _ client: RegistryClient, chunk: Int64? = nil, from: [String] = [])
    throws -> UploadOutcome
  {
    let path = try makeTemporaryDirectory("upload") + "/blob"
    try write(bytes, to: path)
    defer { unlink(path) }
    let file = try File.open(path, O_RDONLY)
    return try client.uploadBlob(
      SHA256Stream.digest(bytes), size: Int64(bytes.count), file: file.raw, mountingFrom: from, chunk: chunk)
  }

  private func pushClient(_ registry: DockerRegistry, _ repository: String) throws -> RegistryClient {
    client(try endpoint(registry.authority, repository), actions: [.pull, .push])
  }

  @Test func `what is pushed comes back, whole and in part, by tag and by digest`() throws {
    let registry = try DockerRegistry()
    let pusher = try pushClient(registry, "team/app")
    try pusher.ping()
    let layer = pattern(3_000_001)
    let config = Array(#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#.utf8)
    #expect(try upload(layer, pusher) == .uploaded)
    #expect(try upload(layer, pusher) == .present)
    #expect(try upload(config, pusher, chunk: 10) == .uploaded)
    let manifest = ImageManifest(config: descriptor(config, .ociConfig), layers: [descriptor(layer)])
    let bytes = manifest.json.bytes()
    try pusher.putManifest(bytes, mediaType: .ociManifest, as: .tag("v1"))

    let puller = client(try endpoint(registry.authority, "team/app"))
    let resolved = try puller.resolve(.tag("v1"))
    #expect(
      resolved == Descriptor(mediaType: .ociManifest, digest: SHA256Stream.digest(bytes), size: Int64(bytes.count)))
    for name in [ManifestName.tag("v1"), .digest(resolved.digest)] {
      let found = try puller.manifest(name)
      #expect(found.bytes == bytes && found.mediaType == .ociManifest)
      #expect(try found.document() == .manifest(manifest))
    }
    #expect(try puller.blob(descriptor(config, .ociConfig)) == config)
    #expect(try puller.openBlob(descriptor(layer)).rest() == layer)
    #expect(try puller.openBlob(descriptor(layer), from: 2_999_000).rest() == Array(layer[2_999_000...]))
    #expect(try puller.openBlob(descriptor(layer), from: Int64(layer.count)).rest() == [])
  }

  @Test func `blobs are mounted from another repository, and chunks arrive in order`() throws {
    let registry = try DockerRegistry()
    let layer = pattern(500_000)
    #expect(try upload(layer, try pushClient(registry, "a/one"), chunk: 64 << 10) == .uploaded)
    let other = try pushClient(registry, "b/two")
    #expect(try upload(layer, other, from: ["no/such", "a/one"]) == .mounted("a/one"))
    #expect(try other.openBlob(descriptor(layer)).rest(piece: 77_777) == layer)
  }

  @Test func `tags and repositories are listed over several pages`() throws {
    let registry = try DockerRegistry()
    let pusher = try pushClient(registry, "many")
    let config = Array("{}".utf8)
    _ = try upload(config, pusher)
    let bytes = ImageManifest(config: descriptor(config, .ociConfig), layers: []).json.bytes()
    let tags = (100..<120).map { "t\($0)" }
    for tag in tags { try pusher.putManifest(bytes, mediaType: .ociManifest, as: .tag(tag)) }
    let reader = client(try endpoint(registry.authority, "many"))
    #expect(try reader.tags().sorted() == tags)
    #expect(try reader.tags(limit: 7).count == 7)
    #expect(try reader.catalog() == ["many"])
    #expect(try reader.search("an", limit: 5).map(\.name) == ["many"])
    #expect(try reader.search("nothing", limit: 5).isEmpty)
  }

  @Test func `what is not there is told in the registry's words`() throws {
    let registry = try DockerRegistry()
    let reader = client(try endpoint(registry.authority, "absent"))
    let absent = descriptor([1, 2, 3])
    for attempt in [
      { _ = try reader.manifest(.tag("x")) }, { _ = try reader.resolve(.tag("x")) }, { _ = try reader.tags() },
      { _ = try reader.openBlob(absent) },
    ] {
      let error = #expect(throws: RegistryError.self) { try attempt() }
      #expect(error?.kind == .notFound)
      #expect(error?.codes.first?.hasSuffix("_UNKNOWN") == true)
      #expect(error?.reason.contains("known") == true)
    }
    #expect(try !reader.hasBlob(absent.digest))
    #expect(try reader.referrers(of: absent.digest).isEmpty)
  }

  @Test func `basic authentication is answered, and a wrong password told`() throws {
    let directory = try makeTemporaryDirectory("htpasswd")
    defer { _ = try? run(["rm", "-rf", directory]) }
    // The password is "s3cret".
    try write("al:$2y$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n", to: directory + "/users")
    let registry = try DockerRegistry("auth: {htpasswd: {realm: r, path: \(directory)/users}}")
    let anonymous = client(try endpoint(registry.authority, "x"))
    let error = #expect(throws: RegistryError.self) { try anonymous.ping() }
    #expect(error?.kind == .unauthorized && error?.hint == "dhow login \(registry.authority)")
    let wrong = client(try endpoint(registry.authority, "x"), credential: .basic(user: "al", secret: "no"))
    let refused = #expect(throws: RegistryError.self) { try wrong.ping() }
    #expect(refused?.kind == .unauthorized && refused?.codes == ["UNAUTHORIZED"])
    try client(try endpoint(registry.authority, "x"), credential: .basic(user: "al", secret: "s3cret")).ping()
  }
}
