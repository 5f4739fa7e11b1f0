import OCI
import TestSupport
import Testing

/// Image archives that lie (SECURITY B1, B10, B16, C12), and the forms in which honest ones come.
@Suite(.serialized, .requires(.unprivilegedUser, .subordinateIDs, .overlay))
struct ImageArchiveTests {
  /// A docker-archive in the making, each part of which can be made wrong.
  private struct Archive {
    var layers: [[UInt8]]
    var names = ["made:up"]
    var diffIDs: [String]
    var layerNames: [String]
    var configName: String?
    var extra: [(String, [UInt8])] = []
    var manifestComesLast = true
    var layersAreThere = true

    init(_ layers: [[UInt8]] = [Archive.layer { $0.file("file", "content") }]) {
      self.layers = layers
      diffIDs = layers.map { "sha256:" + SHA256Stream.hex($0) }
      layerNames = layers.indices.map { "layer\($0)/layer.tar" }
    }

    static func layer(_ build: (inout TarBuilder) -> Void) -> [UInt8] {
      var builder = TarBuilder()
      build(&builder)
      return builder.ended
    }

    private func list(_ texts: [String]) -> String { "[" + texts.map { "\"\($0)\"" }.joined(separator: ",") + "]" }

    var config: [UInt8] {
      let text = """
        {"architecture":"amd64","os":"linux","config":{"Cmd":["/file"]},"created":"2024-01-01T00:00:00Z",\
        "rootfs":{"type":"layers","diff_ids":\(list(diffIDs))}}
        """
      return Array(text.utf8)
    }

    var id: String { "sha256:" + SHA256Stream.hex(config) }

    var bytes: [UInt8] {
      let name = configName ?? SHA256Stream.hex(config) + ".json"
      let manifest = "[{\"Config\":\"\(name)\",\"RepoTags\":\(list(names)),\"Layers\":\(list(layerNames))}]"
      var builder = TarBuilder()
      if !manifestComesLast { builder.file("manifest.json", manifest) }
      builder.file(Array(name.utf8), config)
      if layersAreThere {
        for (name, layer) in zip(layerNames, layers) { builder.file(Array(name.utf8), layer) }
      }
      for (name, content) in extra { builder.file(Array(name.utf8), content) }
      if manifestComesLast { builder.file("manifest.json", manifest) }
      return builder.ended
    }
  }

  /// Loads an archive that must be refused with these words, leaving nothing; canaries live.
  private func expectRefused(_ archive: [UInt8], naming word: String, sourceLocation: SourceLocation = #_sourceLocation)
    throws
  {
    let canaries = try CanaryTree()
    try withStore { (store: Store) throws in
      // Whatever a store has from its first use on, it has before.
      var other = Archive([Archive.layer { $0.file("other", "image") }])
      other.names = ["other:image"]
      try store.must("load", input: other.bytes)
      try store.expectNothingLeft(
        after: { store in
          let outcome = try store.dhow("load", input: archive)
          expectRefusal(outcome, status: 1, naming: word, sourceLocation: sourceLocation)
        }, sourceLocation: sourceLocation)
      #expect(
        try store.must("images", "--format", "{{.Repository}}:{{.Tag}}").out == "other:image",
        sourceLocation: sourceLocation)
    }
    #expect(try canaries.damages() == [], sourceLocation: sourceLocation)
  }

  @Test func `an honest archive loads, whichever file comes first`() throws {
    for last in [true, false] {
      var archive = Archive()
      archive.manifestComesLast = last
      try withStore { (store: Store) throws in
        #expect(try store.must("load", input: archive.bytes).out == "Loaded image: made:up")
        #expect(try store.must("image", "inspect", "--format", "{{.Id}}", "made:up").out == archive.id)
        // Again is the same image and no second one.
        #expect(try store.must("load", input: archive.bytes).out == "Loaded image: made:up")
        #expect(try store.must("images", "-q").lines.count == 1)
        #expect(try store.must("system", "check").status == 0)
      }
    }
  }

  @Test func `an image without a name is known by its id`() throws {
    var archive = Archive()
    archive.names = []
    try withStore { (store: Store) throws in
      #expect(try store.must("load", input: archive.bytes).out == "Loaded image ID: \(archive.id)")
    }
  }

  @Test func `a name that another image has is announced`() throws {
    let first = Archive()
    let second = Archive([Archive.layer { $0.file("file", "other") }])
    try withStore { (store: Store) throws in
      try store.must("load", input: first.bytes)
      #expect(
        try store.must("load", input: second.bytes).lines == [
          "The image made:up already exists, renaming the old one with ID \(first.id) to empty string",
          "Loaded image: made:up",
        ])
      #expect(try store.must("images", "-q", "--no-trunc").lines.count == 2)
    }
  }

  @Test func `diff ids must be those of the layers`() throws {
    let one = Archive.layer { $0.file("one", "1") }
    let two = Archive.layer { $0.file("two", "2") }
    var swapped = Archive([one, two])
    swapped.diffIDs.reverse()
    try expectRefused(swapped.bytes, naming: "but the config says")
    var few = Archive([one, two])
    few.diffIDs.removeLast()
    try expectRefused(few.bytes, naming: "2 layers in manifest.json, but 1 diff ids")
    var many = Archive([one])
    many.diffIDs.append("sha256:" + SHA256Stream.hex(two))
    try expectRefused(many.bytes, naming: "1 layers in manifest.json, but 2 diff ids")
    var wrong = Archive([one])
    wrong.diffIDs = ["sha256:" + String(repeating: "0", count: 64)]
    try expectRefused(wrong.bytes, naming: "but the config says")
  }

  @Test func `a diff id is checked also when its layer is there already`() throws {
    let honest = Archive()
    var liar = Archive([Archive.layer { $0.file("file", "poison") }])
    liar.diffIDs = honest.diffIDs
    try withStore { (store: Store) throws in
      try store.must("load", input: honest.bytes)
      try store.expectNothingLeft { (store: Store) throws in
        expectRefusal(try store.dhow("load", input: liar.bytes), status: 1, naming: "but the config says")
      }
    }
  }

  @Test func `content must be what names claim`() throws {
    var config = Archive()
    config.configName = String(repeating: "a", count: 64) + ".json"
    try expectRefused(config.bytes, naming: "has the digest")
    var layer = Archive()
    layer.layerNames = ["blobs/sha256/" + String(repeating: "b", count: 64)]
    try expectRefused(layer.bytes, naming: "has the digest")
  }

  @Test(arguments: ["../x", "/etc/passwd", "layer0/../../x", "missing", "", "blobs/sha256/../../x"])
  func `files are found by their exact name, and only in the archive`(name: String) throws {
    var layer = Archive()
    layer.layerNames = [name]
    layer.layersAreThere = false
    try expectRefused(layer.bytes, naming: "is no file in it")
    var config = Archive()
    config.configName = name
    config.layersAreThere = name.isEmpty
    if !name.isEmpty { try expectRefused(config.bytes, naming: "dhow: loading standard input") }
  }

  @Test func `links lead to files of the archive and nowhere else`() throws {
    let archive = Archive()
    for target in ["/etc/passwd", "../../../etc/passwd", "../other", ".."] {
      var builder = TarBuilder()
      builder.file(Array((SHA256Stream.hex(archive.config) + ".json").utf8), archive.config)
      builder.symlink("layer0/layer.tar", to: target)
      builder.file(
        "manifest.json", "[{\"Config\":\"\(SHA256Stream.hex(archive.config)).json\",\"Layers\":[\"layer0/layer.tar\"]}]"
      )
      try expectRefused(builder.ended, naming: "is no file in it")
    }
    // docker before 25 wrote a layer of several images once.
    var builder = TarBuilder()
    builder.file(Array((SHA256Stream.hex(archive.config) + ".json").utf8), archive.config)
    builder.symlink("layer0/layer.tar", to: "../shared/layer.tar")
    builder.file(Array("shared/layer.tar".utf8), archive.layers[0])
    builder.file(
      "manifest.json", "[{\"Config\":\"\(SHA256Stream.hex(archive.config)).json\",\"Layers\":[\"layer0/layer.tar\"]}]")
    try withStore { (store: Store) throws in
      #expect(try store.must("load", input: builder.ended).out == "Loaded image ID: \(archive.id)")
    }
  }

  @Test func `a file that is there twice with different content is refused`() throws {
    var archive = Archive()
    archive.extra = [("layer0/layer.tar", Archive.layer { $0.file("file", "other") })]
    try expectRefused(archive.bytes, naming: "is in it twice")
  }

  @Test func `floods of names and wrong names are refused`() throws {
    var many = Archive()
    many.names = (0..<10_001).map { "n:t\($0)" }
    try expectRefused(many.bytes, naming: "more than 10000 names")
    for name in ["../x", "UPPER", "a b", "-rf", "x:\\u001b[31m"] {
      var archive = Archive()
      archive.names = [name]
      try expectRefused(archive.bytes, naming: "invalid reference format")
    }
  }

  @Test func `a layer that breaks out is refused, with all of its image`() throws {
    let bad = Archive.layer { $0.file("../../../escape", "x") }
    try expectRefused(
      Archive([Archive.layer { $0.file("a", "1") }, bad]).bytes, naming: "leads out of the archive's root")
    // Large enough for worker processes.
    let large = Archive.layer { $0.file([0x61], [UInt8](repeating: 1, count: 5 << 20)) }
    try expectRefused(Archive([large, bad]).bytes, naming: "leads out of the archive's root")
  }

  @Test func `layers unpacked by several processes are the same image`() throws {
    let layers = (0..<5).map { number in
      Archive.layer {
        $0.directory("shared", mode: 0o700)
        $0.file(Array("shared/file\(number)".utf8), [UInt8](repeating: UInt8(number), count: 2 << 20))
        $0.file("shared/.wh.file\(number - 1)")
        if number == 4 {
          $0.file("implied/by/name", "x")
          $0.hardLink("shared/again", to: "shared/file2")
        }
      }
    }
    // The hard link leads to a file of a lower layer that a layer between removed: an error that names both.
    let broken = Archive(layers)
    try expectRefused(broken.bytes, naming: "shared/again")
    let whole = Archive(Array(layers.dropLast()))
    try withStore { (store: Store) throws in
      try store.must("load", input: whole.bytes)
      #expect(try store.must("system", "check").status == 0)
      let container = try store.must("create", "--network", "none", "made:up").out
      let exported = try store.must("export", container).stdout
      let names = try mustRun(["tar", "-t"], input: exported).lines
      #expect(
        names.contains("shared/file3") && !names.contains("shared/file2") && !names.contains { $0.contains(".wh.") })
    }
  }

  @Test func `what is no archive of images says what it is`() throws {
    try expectRefused(Array("plain text".utf8), naming: "ends too early")
    try expectRefused([UInt8](repeating: 0x41, count: 1024), naming: "it is no tar archive")
    var builder = TarBuilder()
    builder.file("etc/passwd", "x")
    try expectRefused(builder.ended, naming: "dhow import")
    try expectRefused(Array(Archive().bytes.prefix(2048)), naming: "")
  }

  @Test func `the oldest archives load`() throws {
    let one = Archive.layer { $0.file("one", "1") }
    let two = Archive.layer { $0.file("two", "2") }
    let ids = [String(repeating: "a", count: 64), String(repeating: "b", count: 64)]
    func archive(_ top: String, parent: String) -> [UInt8] {
      var builder = TarBuilder()
      builder.file(
        "\(ids[0])/json",
        "{\"id\":\"\(ids[0])\",\"created\":\"2014-01-01T00:00:00Z\",\"container_config\":{\"Cmd\":[\"sh\",\"-c\",\"one\"]}}"
      )
      builder.file(Array("\(ids[0])/layer.tar".utf8), one)
      builder.file(
        "\(ids[1])/json",
        "{\"id\":\"\(ids[1])\",\"parent\":\"\(parent)\",\"created\":\"2014-01-02T00:00:00Z\",\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Cmd\":[\"/two\"]}}"
      )
      builder.file(Array("\(ids[1])/layer.tar".utf8), two)
      builder.file("repositories", "{\"old/image\":{\"v1\":\"\(top)\"}}")
      return builder.ended
    }
    try withStore { (store: Store) throws in
      #expect(try store.must("load", input: archive(ids[1], parent: ids[0])).out == "Loaded image: old/image:v1")
      let layers = try store.must("image", "inspect", "--format", "{{json .RootFS.Layers}}", "old/image:v1").out
      #expect(layers == "[\"sha256:\(SHA256Stream.hex(one))\",\"sha256:\(SHA256Stream.hex(two))\"]")
      #expect(
        try store.must("image", "inspect", "--format", "{{json .Config.Cmd}}", "old/image:v1").out == "[\"/two\"]")
    }
    try expectRefused(archive("../../etc", parent: ids[0]), naming: "is no id of a layer")
    try expectRefused(archive(ids[1], parent: ids[1]), naming: "do not end")
    try expectRefused(archive(String(repeating: "c", count: 64), parent: ids[0]), naming: "has no description")
  }

  @Test func `the same archive loaded twice at once is one image`() throws {
    let layers = (0..<3).map { number in
      Archive.layer { $0.file(Array("file\(number)".utf8), [UInt8](repeating: UInt8(number), count: 3 << 20)) }
    }
    let archive = Archive(layers)
    try withStore { (store: Store) throws in
      try store.dhow("images")
      let children = try (0..<3).map { _ in try store.start(["load"], input: .bytes(archive.bytes)) }
      for child in children {
        let outcome = child.wait()
        #expect(outcome.out == "Loaded image: made:up", "\(outcome)")
      }
      #expect(try store.must("images", "-q").lines.count == 1)
      #expect(try store.must("system", "check").status == 0)
      #expect(try store.paths(below: "/staging") == [])
    }
  }

  @Test func `an index leads to the image of this platform`() throws {
    let archive = Archive()
    var builder = TarBuilder()
    func blob(_ bytes: [UInt8]) -> String {
      builder.file(Array("blobs/sha256/\(SHA256Stream.hex(bytes))".utf8), bytes)
      return "\"digest\":\"sha256:\(SHA256Stream.hex(bytes))\",\"size\":\(bytes.count)"
    }
    let layer = blob(archive.layers[0])
    let config = blob(archive.config)
    let manifest = Array(
      """
      {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":\
      "application/vnd.oci.image.config.v1+json",\(config)},"layers":[{"mediaType":\
      "application/vnd.oci.image.layer.v1.tar",\(layer)}]}
      """.utf8)
    let nested = Array(
      """
      {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":\
      "application/vnd.oci.image.manifest.v1+json",\(blob(manifest)),"platform":{"os":"linux","architecture":"amd64"}},\
      {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:\(String(repeating: "0", count: 64))",\
      "size":7,"platform":{"os":"linux","architecture":"s390x"}}]}
      """.utf8)
    let index = """
      {"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json",\(blob(nested)),\
      "annotations":{"org.opencontainers.image.ref.name":"made:up"}}]}
      """
    builder.file("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}")
    builder.file("index.json", index)
    try withStore { (store: Store) throws in
      #expect(try store.must("load", "--platform", "linux/amd64", input: builder.ended).out == "Loaded image: made:up")
      #expect(try store.must("image", "inspect", "--format", "{{.Id}}", "made:up").out == archive.id)
      let outcome = try store.dhow("load", "--platform", "linux/arm64", input: builder.ended)
      expectRefusal(outcome, status: 1, naming: "no image in it is for linux/arm64", "linux/s390x", hint: true)
      // Also as a directory.
      let folder = try store.folder("layout")
      try mustRun(["tar", "-x", "-C", folder], input: builder.ended)
      #expect(try store.must("load", "-i", folder).out == "Loaded image: made:up")
    }
  }

  @Test func `import takes changes and refuses what is none`() throws {
    let layer = Archive.layer { $0.file("file", "x") }
    try withStore { (store: Store) throws in
      let id = try store.must(
        "import", "-c", "CMD [\"/file\", \"x\"]", "-c", "ENV A=1 B=\"two words\"", "-c", "env OLD some words", "-c",
        "EXPOSE 80 53/udp", "-c", "WORKDIR /srv", "-c", "USER 5", "-c", "LABEL a=b", "-c", "VOLUME [\"/data\"]", "-c",
        "HEALTHCHECK --interval=1m30s CMD true", "-m", "made here", "-", "imported:v1", input: layer
      ).out
      #expect(id.hasPrefix("sha256:"))
      func inspect(_ template: String) throws -> String {
        try store.must("image", "inspect", "--format", template, "imported:v1").out
      }
      #expect(try inspect("{{.Id}}") == id)
      #expect(
        try inspect("{{json .Config.Cmd}} {{json .Config.Env}} {{.Config.WorkingDir}} {{.Config.User}}")
          == "[\"/file\",\"x\"] [\"A=1\",\"B=two words\",\"OLD=some words\"] /srv 5")
      #expect(
        try inspect("{{json .Config.Healthcheck}}") == "{\"Test\":[\"CMD-SHELL\",\"true\"],\"Interval\":90000000000}")
      #expect(try store.must("history", "--format", "{{.Comment}}", "imported:v1").out == "made here")
      for (change, word) in [
        ("RUN x", "RUN is no instruction"), ("ENV", "needs an argument"), ("EXPOSE 99999", "is no port"),
        ("ENV =x", "is not NAME=VALUE"), ("LABEL a=\"b", "not closed"), ("HEALTHCHECK x", "needs CMD"),
      ] {
        try store.expectNothingLeft { (store: Store) throws in
          expectRefusal(try store.dhow("import", "-c", change, "-", input: layer), status: 1, naming: word)
        }
      }
      try store.expectNothingLeft { (store: Store) throws in
        expectRefusal(try store.dhow("import", "-", input: []), status: 1, naming: "it is empty")
      }
    }
  }

  @Test(arguments: ["gzip", "zstd", "xz", "bzip2"]) func `import reads every compression`(program: String) throws {
    let layer = Archive.layer { $0.file("file", "x") }
    try withStore { (store: Store) throws in
      try store.must("import", "-", "imported", input: try mustRun([program, "-c"], input: layer).stdout)
      let layers = try store.must("image", "inspect", "--format", "{{json .RootFS.Layers}}", "imported").out
      #expect(layers == "[\"sha256:\(SHA256Stream.hex(layer))\"]")
      #expect(try store.must("system", "check").status == 0)
    }
  }

  @Test(.runsContainers) func `export gives the merged tree as the container sees it`() throws {
    try withStore { (store: Store) throws in
      try store.loadBusybox()
      let script =
        "echo new > /new; ln /new /hard; ln -s new /soft; rm /bin/vi; chown 5:6 /new; chmod 4755 /new; mkdir -m 1777 /d"
      try store.must("run", "--name", "box", "--network", "none", "busybox", "sh", "-c", script)
      let before = try store.holdings()
      let exported = try store.must("export", "box").stdout
      #expect(try store.holdings() == before)
      let listing = try mustRun(["tar", "-tv", "--numeric-owner"], input: exported).lines
      func line(_ name: String) -> String { listing.first { $0.hasSuffix(" " + name) } ?? "" }
      #expect(line("hard").hasPrefix("-rwsr-xr-x 5/6"), "\(line("hard"))")
      #expect(listing.contains { $0.hasPrefix("hrwsr-xr-x") && $0.hasSuffix("new link to hard") })
      #expect(listing.contains { $0.hasSuffix("soft -> new") })
      #expect(line("d/").hasPrefix("drwxrwxrwt 0/0"))
      #expect(!listing.contains { $0.contains(".wh.") || $0.hasSuffix("bin/vi") })
      #expect(listing.contains { $0.hasSuffix("bin/busybox") })
      try store.must("import", "-c", "CMD [\"cat\", \"/hard\"]", "-", "again", input: exported)
      #expect(try store.must("run", "--rm", "--network", "none", "again").out == "new")
      expectRefusal(try store.dhow("export", "nobody"), status: 1, naming: "No such container")
    }
  }
}
