internal import Basics
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

/// What `docker save` writes: `manifest.json` (since 1.10), or before that only `repositories` and a directory per
/// layer.
extension ImageArchive {
  static let manifestFile = "manifest.json"
  static let repositoriesFile = "repositories"

  /// The images that `manifest.json` lists; nil when there is none.
  func dockerImages() throws -> [ArchivedImage]? {
    guard let entries = try dockerManifest() else { return nil }
    return try entries.map { entry in
      let id = try stage(entry.config)
      guard let bytes = try document(entry.config) else { throw corrupt("its config is missing") }
      let config = try ImageConfig(parsing: bytes)
      guard config.diffIDs.count == entry.layers.count else {
        throw corrupt(
          "image \(id.digest.short) has \(entry.layers.count) layers in \(Self.manifestFile), "
            + "but \(config.diffIDs.count) diff ids"
        )
      }
      let layers = try entry.layers.map { try layer($0) }
      return try makeImage(id: id, config: config, layers: layers, names: entry.names)
    }
  }

  /// The names that `manifest.json` gives, by image id.
  func dockerNames() throws -> [Digest: [Reference]] {
    var result: [Digest: [Reference]] = [:]
    for entry in try dockerManifest() ?? [] {
      guard let bytes = try document(entry.config) else { continue }
      result[SHA256Stream.digest(bytes), default: []] += entry.names
    }
    return result
  }

  private struct DockerEntry {
    var config: String
    var layers: [String]
    var names: [Reference]
  }

  private func dockerManifest() throws -> [DockerEntry]? {
    guard let bytes = try document(Self.manifestFile) else { return nil }
    guard case .array(let list) = try JSON(document: bytes, subject: Self.manifestFile) else {
      throw corrupt("\(Self.manifestFile) is no list")
    }
    var count = 0
    return try list.map { element in
      let fields = try JSONFields(element, Self.manifestFile)
      let tags = try fields.strings("RepoTags")
      count += tags.count
      guard count <= Limits.names else {
        throw EngineError(.limitReached, doing, "it has more than \(Limits.names) names")
      }
      let layers = try fields.strings("Layers")
      guard layers.count <= OCILimits.layers else {
        throw EngineError(.limitReached, doing, "an image in it has more than \(OCILimits.layers) layers")
      }
      return DockerEntry(config: try fields.string("Config"), layers: layers, names: try tags.map { try reference($0) })
    }
  }

  /// A layer's file as a blob with its type.
  private func layer(_ name: String) throws -> Descriptor {
    let blob = try stage(name)
    let type: MediaType
    switch try compression(of: blob.digest) {
    case .none: type = .ociLayer
    case .gzip: type = .ociLayerGzip
    case .zstd: type = .ociLayerZstd
    case .xz, .bzip2, .lzip, .compress:
      // Manifests have no type for these, and nobody has said one yet: kept uncompressed.
      let plain = try uncompressed(blob.digest)
      return Descriptor(mediaType: .ociLayer, digest: plain.digest, size: plain.size)
    }
    return Descriptor(mediaType: type, digest: blob.digest, size: blob.size)
  }

  /// An image that came without a manifest gets one; the same content always gets the same.
  private func makeImage(
    id: (digest: Digest, size: Int64), config: ImageConfig, layers: [Descriptor], names: [Reference]
  ) throws -> ArchivedImage {
    let manifest = ImageManifest(
      config: Descriptor(mediaType: .ociConfig, digest: id.digest, size: id.size), layers: layers)
    let bytes = manifest.json.bytes()
    let digest = try ingest.add(blob: bytes)
    let descriptor = Descriptor(mediaType: .ociManifest, digest: digest, size: Int64(bytes.count))
    return ArchivedImage(manifest: descriptor, id: id.digest, config: config, layers: layers, names: names)
  }

  // Before docker 1.10.

  /// The images of an archive that has only `repositories`; nil when it has not even that.
  func legacyImages() throws -> [ArchivedImage]? {
    guard let bytes = try document(Self.repositoriesFile) else { return nil }
    let fields = try JSONFields(try JSON(document: bytes, subject: Self.repositoriesFile), Self.repositoriesFile)
    var tops: [(id: String, names: [Reference])] = []
    var count = 0
    for repository in fields.object.members {
      for tag in try fields.pairs(repository.name) {
        count += 1
        guard count <= Limits.names else {
          throw EngineError(.limitReached, doing, "it has more than \(Limits.names) names")
        }
        let name = try reference(repository.name + ":" + tag.0)
        if let index = tops.firstIndex(where: { $0.id == tag.1 }) {
          tops[index].names.append(name)
        } else {
          tops.append((tag.1, [name]))
        }
      }
    }
    return try tops.map { try legacyImage($0.id, $0.names) }
  }

  /// Follows the chain of parents down, and makes one config of all their documents as docker's loader did.
  private func legacyImage(_ top: String, _ names: [Reference]) throws -> ArchivedImage {
    var chain: [(id: String, json: JSONObject)] = []
    var next: String? = top
    while let id = next {
      guard Identifier.isID(id) else { throw corrupt("\"\(safeText(String(id.prefix(80))))\" is no id of a layer") }
      guard chain.count < OCILimits.layers, !chain.contains(where: { $0.id == id }) else {
        throw corrupt("the parents of layer \(Identifier.short(top)) do not end")
      }
      guard let bytes = try document(id + "/json"),
        let json = try JSON(document: bytes, subject: "\(id)/json").objectValue
      else { throw corrupt("layer \(Identifier.short(id)) has no description") }
      chain.append((id, json))
      next = json["parent"]?.stringValue
    }
    chain.reverse()
    var layers: [Descriptor] = []
    var diffIDs: [JSON] = []
    var history: [JSON] = []
    for (id, json) in chain {
      let isEmpty = json["throwaway"]?.boolValue ?? false
      history.append(legacyHistory(json, isEmpty: isEmpty))
      if isEmpty { continue }
      let layer = try layer(id + "/layer.tar")
      layers.append(layer)
      diffIDs.append(.string(try uncompressedDigest(of: layer.digest).description))
    }
    guard var config = chain.last?.json else { throw corrupt("an image in it has no layers") }
    for name in ["id", "parent", "Size", "parent_id", "layer_id", "throwaway"] { config[name] = nil }
    config["rootfs"] = ["type": "layers", "diff_ids": .array(diffIDs)]
    config["history"] = .array(history)
    let bytes = JSON.object(config).bytes()
    let id = (digest: try ingest.add(blob: bytes), size: Int64(bytes.count))
    return try makeImage(id: id, config: try ImageConfig(parsing: bytes), layers: layers, names: names)
  }

  private func legacyHistory(_ json: JSONObject, isEmpty: Bool) -> JSON {
    var step = JSONBuilder()
    step.set("created", json["created"]?.stringValue)
    let command = json["container_config"]?["Cmd"]?.arrayValue ?? []
    let text = command.compactMap(\.stringValue).joined(separator: " ")
    step.set("created_by", text.isEmpty ? nil : text)
    step.set("author", json["author"]?.stringValue)
    step.set("comment", json["comment"]?.stringValue)
    step.set("empty_layer", isEmpty)
    return step.json
  }

  /// A staged blob's content as a blob of its own.
  private func uncompressed(_ blob: Digest) throws -> (digest: Digest, size: Int64) {
    let file = try ingest.openBlob(blob)
    let writer = try ingest.blob()
    let source = Decompressor(DescriptorSource(file.raw, shown: "\(blob)"), failure: failure)
    try HashingSource(source) { try writer.write($0) }.drain()
    return try writer.finish(expecting: nil, size: nil)
  }

  /// The diff id of a staged blob.
  func uncompressedDigest(of blob: Digest) throws -> Digest {
    let file = try ingest.openBlob(blob)
    let stream = HashingSource(Decompressor(DescriptorSource(file.raw, shown: "\(blob)"), failure: failure))
    try stream.drain()
    return stream.hash.digest
  }
}
