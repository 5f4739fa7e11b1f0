package import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

extension Engine {
  /// Writes images as one tar archive, the same bytes each time: blobs as they are in the store, documents in a fixed
  /// order, all times the epoch.
  ///
  /// Both layouts are an OCI image layout. docker's has `manifest.json` beside it, as docker itself writes since
  /// version 25, so that every docker and podman loads it. The small documents come first, so that a reader of a stream
  /// knows what follows.
  /// - Parameter names: images as a person names them. A name saves that name, an id the image without one.
  package func saveImages(
    _ names: [String], layout: ArchiveLayout, platform: String?, to descriptor: Int32
  ) throws(EngineError) {
    let doing = names.count == 1 ? "saving \(safeText(names[0]))" : "saving \(names.count) images"
    let chosen = try during(doing) { try chooseImages(names, platform: platform, doing: doing) }
    try during(doing) {
      let blobs = BlobStore(directory)
      var documents: [(String, [UInt8])] = [
        (ImageLayout.markerFile, ImageLayout.marker.bytes()),
        (ImageLayout.indexFile, index(of: chosen, layout).bytes()),
      ]
      // podman takes no OCI archive of several images, or of one with several names, but then looks for this.
      if layout == .docker || chosen.reduce(0, { $0 + max(1, $1.names.count) }) > 1 {
        documents.append((ImageArchive.manifestFile, dockerManifest(of: chosen).bytes()))
      }
      let writer = TarWriter { try File.writeAll(descriptor, $0, shown: "the archive") }
      for (name, bytes) in documents {
        try writer.add(TarEntry(.regular, Array(name.utf8), mode: 0o644), content: bytes)
      }
      try writer.begin(TarEntry(.directory, Array("blobs".utf8), mode: 0o755))
      try writer.begin(TarEntry(.directory, Array("blobs/sha256".utf8), mode: 0o755))
      let digests = Set(chosen.flatMap(\.blobs)).sorted { $0.hex < $1.hex }
      for digest in digests { try write(digest, from: blobs, to: writer, doing: doing) }
      try writer.finish()
    }
  }

  private struct ChosenImage {
    var manifest: Descriptor
    var id: Digest
    var layers: [Descriptor]
    var names: [Reference]
    var blobs: [Digest] { [manifest.digest, id] + layers.map(\.digest) }
  }

  /// The images in the order in which they were named, each once, with the names that were asked for.
  private func chooseImages(_ names: [String], platform: String?, doing: String) throws -> [ChosenImage] {
    let wanted = try platform.map { try Platform(parsing: $0) }
    var chosen: [ChosenImage] = []
    for name in names {
      let found = try images.find(name, doing: doing)
      if let wanted {
        let config = try images.config(of: found.image)
        guard wanted.distance(to: config.platform) != nil else {
          throw EngineError(
            .notFound, doing, "image \(safeText(name)) is for \(config.platform), not for \(wanted)")
        }
      }
      let digest = found.image.manifest.digest
      if !chosen.contains(where: { $0.manifest.digest == digest }) {
        let manifest = try images.manifest(of: found.image)
        chosen.append(
          ChosenImage(manifest: found.image.manifest, id: found.image.id, layers: manifest.layers, names: []))
      }
      if let reference = found.name, let position = chosen.firstIndex(where: { $0.manifest.digest == digest }),
        !chosen[position].names.contains(reference)
      {
        chosen[position].names.append(reference)
      }
    }
    return chosen
  }

  /// `index.json`: an entry for each name, or one without.
  private func index(of images: [ChosenImage], _ layout: ArchiveLayout) -> JSON {
    var entries: [Descriptor] = []
    for image in images {
      for name in image.names.isEmpty ? [nil] : image.names.map(Optional.some) {
        var entry = Descriptor(
          mediaType: image.manifest.mediaType, digest: image.manifest.digest, size: image.manifest.size)
        if let name {
          // docker's readers look for the full name here and for the tag there; others for the full name there.
          entry.annotations.append((ImageArchive.containerdName, name.description))
          let standard = layout == .docker ? name.tag ?? name.description : name.description
          entry.annotations.append((Annotation.refName, standard))
        }
        entries.append(entry)
      }
    }
    return ImageIndex(manifests: entries).json
  }

  private func dockerManifest(of images: [ChosenImage]) -> JSON {
    .array(
      images.map { image in
        [
          "Config": .string(path(image.id)),
          "RepoTags": image.names.isEmpty ? .null : JSON(image.names.map(\.familiar)),
          "Layers": JSON(image.layers.map { path($0.digest) }),
        ]
      })
  }

  private func path(_ digest: Digest) -> String { "blobs/\(digest.algorithm.rawValue)/\(digest.hex)" }

  /// Copies a blob, which must still be what its digest says: what is damaged is not passed on.
  private func write(_ digest: Digest, from blobs: BlobStore, to writer: TarWriter, doing: String) throws {
    let file = try blobs.open(digest)
    let size = try File.status(file.raw, shown: "\(digest)").size
    try writer.begin(TarEntry(.regular, Array(path(digest).utf8), mode: 0o644, size: size))
    var written: Int64 = 0
    let source = HashingSource(DescriptorSource(file.raw, shown: "\(digest)")) { bytes in
      written += Int64(bytes.count)
      guard written <= size else { throw SystemError("read", "\(digest)", errno: EIO) }
      try writer.write(bytes)
    }
    try source.drain()
    guard written == size, digest.algorithm != .sha256 || source.hash.digest == digest else {
      throw EngineError(
        .corrupt, doing, "the bytes of \(digest) in the store are not those of the digest", hint: "dhow system check")
    }
  }
}
