package import Basics
internal import OCI
internal import Registry
internal import Storage

/// A manifest or an index as `manifest inspect` shows it.
package struct InspectedManifest: Sendable {
  /// The name with the digest.
  package var name: String
  package var mediaType: String
  package var digest: String
  package var bytes: [UInt8]
  package var isIndex: Bool
  /// `os`, `architecture`, `variant` of a manifest; nil when nobody says.
  package var platform: JSON?
  /// What an index lists, when asked for.
  package var members: [InspectedManifest] = []
}

extension Engine {
  /// A manifest or index: a local list of that name, else what the registry has, else of an image that is only here.
  /// - Parameter isVerbose: with the config's platform, and of an index with all that it lists.
  package func inspectManifest(
    _ name: String, isVerbose: Bool, access: RegistryAccess
  ) throws(EngineError) -> InspectedManifest {
    let doing = "inspecting the manifest \(safeText(name))"
    return try during(doing) {
      let reference = try Reference(
        parsing: name.hasPrefix("docker://") ? String(name.dropFirst("docker://".count)) : name
      ).withDefaultTag
      if let list = try manifestLists.list(named: reference) {
        let bytes = list.index.json.bytes()
        return InspectedManifest(
          name: reference.description, mediaType: list.index.mediaType.rawValue,
          digest: SHA256Stream.digest(bytes).description, bytes: bytes, isIndex: true)
      }
      do {
        let client = try registryClient(for: reference, access: access)
        return try inspect(reference, client, isVerbose: isVerbose)
      } catch let error as RegistryError {
        guard let image = try images.image(named: reference) else { throw error }
        Log.note("\(doing): \(error.reason); showing the one of the store")
        return InspectedManifest(
          name: reference.description, mediaType: image.manifest.mediaType.rawValue,
          digest: image.manifest.digest.description, bytes: try BlobStore(directory).read(image.manifest.digest),
          isIndex: false, platform: isVerbose ? try images.platform(of: image).json : nil)
      }
    }
  }

  private func inspect(
    _ reference: Reference, _ client: RegistryClient, isVerbose: Bool
  ) throws -> InspectedManifest {
    let remote = try client.manifest(ManifestName(reference))
    switch try remote.document() {
    case .index(let index):
      var result = InspectedManifest(
        name: reference.description, mediaType: index.mediaType.rawValue, digest: remote.digest.description,
        bytes: remote.bytes, isIndex: true)
      guard isVerbose else { return result }
      for entry in index.manifests {
        let member = reference.withoutTag.with(digest: entry.digest)
        var inspected = try inspect(member, client, isVerbose: false)
        inspected.name = reference.withoutDigest.description + "@\(entry.digest)"
        inspected.platform = entry.platform?.json
        result.members.append(inspected)
      }
      return result
    case .manifest(let manifest):
      var platform: JSON?
      if isVerbose, manifest.artifactKind == nil {
        platform = try ImageConfig(parsing: try client.blob(manifest.config)).platform.json
      }
      return InspectedManifest(
        name: reference.description, mediaType: manifest.mediaType.rawValue, digest: remote.digest.description,
        bytes: remote.bytes, isIndex: false, platform: platform)
    }
  }
}
