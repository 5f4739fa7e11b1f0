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
    let doing = savingDoing(names)
    let chosen = try during(doing) { try chooseImages(names, platform: platform, doing: doing) }
    try during(doing) {
      let writer = TarWriter { try File.writeAll(descriptor, $0, shown: "the archive") }
      for (name, bytes) in documents(of: chosen, layout) {
        try writer.add(TarEntry(.regular, Array(name.utf8), mode: 0o644), content: bytes)
      }
      try writer.begin(TarEntry(.directory, Array("blobs".utf8), mode: 0o755))
      try writer.begin(TarEntry(.directory, Array("blobs/sha256".utf8), mode: 0o755))
      for digest in digests(of: chosen) {
        let blob = try openBlob(digest)
        try writer.begin(TarEntry(.regular, Array(path(digest).utf8), mode: 0o644, size: blob.size))
        try copy(blob, doing: doing) { try writer.write($0) }
      }
      try writer.finish()
    }
  }

  /// Writes images into a directory, which is made if it is not there and else must be empty: an OCI image layout, or
  /// for docker the one image of podman's and skopeo's `dir:` (containers-transports(5)). The document that makes it
  /// one comes last; after a failure what was written is gone again.
  package func saveImages(
    _ names: [String], layout: ArchiveLayout, platform: String?, intoDirectory directory: String
  ) throws(EngineError) {
    let doing = savingDoing(names)
    let chosen = try during(doing) { try chooseImages(names, platform: platform, doing: doing) }
    guard layout == .oci || chosen.count == 1 else {
      throw EngineError(
        .invalidInput, doing, "the format docker-dir holds one image, not \(chosen.count)",
        hint: "--format oci-dir or docker-archive")
    }
    try during("\(doing) to \(safeText(directory))") {
      let output = try OutputDirectory(directory, doing: doing)
      do {
        try write(chosen, layout, into: output, doing: doing)
      } catch {
        output.removeWhatWasWritten()
        throw error
      }
    }
  }

  private func write(
    _ chosen: [ChosenImage], _ layout: ArchiveLayout, into output: OutputDirectory, doing: String
  ) throws {
    var digests = digests(of: chosen)
    if layout == .oci {
      for folder in ["blobs", "blobs/sha256"] { try output.makeDirectory(folder) }
    } else {
      // Its manifest is another one, of docker's types.
      digests.removeAll { digest in chosen.contains { $0.manifest.digest == digest } }
    }
    for digest in digests {
      let blob = try openBlob(digest)
      let file = try output.create(layout == .oci ? path(digest) : digest.hex)
      try copy(blob, doing: doing) { try File.writeAll(file.raw, $0, shown: "\(digest)") }
    }
    let documents =
      layout == .oci ? documents(of: chosen, .oci).reversed() : try chosen.flatMap { try dirDocuments(of: $0) }
    for (name, bytes) in documents {
      let file = try output.create(name)
      try File.writeAll(file.raw, bytes, shown: name)
    }
  }

  private func savingDoing(_ names: [String]) -> String {
    names.count == 1 ? "saving \(safeText(names[0]))" : "saving \(names.count) images"
  }

  /// The documents of an archive in their order.
  private func documents(of chosen: [ChosenImage], _ layout: ArchiveLayout) -> [(String, [UInt8])] {
    var documents: [(String, [UInt8])] = [
      (ImageLayout.markerFile, ImageLayout.marker.bytes()),
      (ImageLayout.indexFile, index(of: chosen, layout).bytes()),
    ]
    // podman takes no OCI archive of several images, or of one with several names, but then looks for this.
    if layout == .docker || chosen.reduce(0, { $0 + max(1, $1.names.count) }) > 1 {
      documents.append((ImageArchive.manifestFile, dockerManifest(of: chosen).bytes()))
    }
    return documents
  }

  /// The two documents of `dir:`, the manifest last.
  private func dirDocuments(of image: ChosenImage) throws -> [(String, [UInt8])] {
    let layers = try image.layers.map { layer in
      guard let type = layer.mediaType.inDockerManifest else {
        throw EngineError(
          .unsupported, "saving as docker-dir", "docker has no type for a layer that is \(layer.mediaType)",
          hint: "--format oci-dir")
      }
      return Descriptor(mediaType: type, digest: layer.digest, size: layer.size)
    }
    let size = try openBlob(image.id).size
    let manifest = ImageManifest(
      mediaType: .dockerManifest, config: Descriptor(mediaType: .dockerConfig, digest: image.id, size: size),
      layers: layers)
    return [
      ("version", Array("Directory Transport Version: 1.1\n".utf8)),
      (ImageArchive.manifestFile, manifest.json.bytes()),
    ]
  }

  private struct ChosenImage {
    var manifest: Descriptor
    var id: Digest
    var layers: [Descriptor]
    var names: [Reference]
    /// What it was pulled as, when all of that is in the store.
    var index: WholeIndex?
    var blobs: [Digest] { [manifest.digest, id] + layers.map(\.digest) + (index?.blobs ?? []) }
  }

  /// The images in the order in which they were named, each once, with the names that were asked for.
  private func chooseImages(_ names: [String], platform: String?, doing: String) throws -> [ChosenImage] {
    let wanted = try platform.map { try Platform(parsing: $0) }
    var chosen: [ChosenImage] = []
    for name in names {
      let found = try images.find(name, platform: wanted, doing: doing)
      let digest = found.image.manifest.digest
      if !chosen.contains(where: { $0.manifest.digest == digest }) {
        let manifest = try images.manifest(of: found.image)
        chosen.append(
          ChosenImage(
            manifest: found.image.manifest, id: found.image.id, layers: manifest.layers, names: [],
            index: wanted == nil ? try images.wholeIndex(of: found.image) : nil))
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
        let document = image.index?.descriptor ?? image.manifest
        var entry = Descriptor(mediaType: document.mediaType, digest: document.digest, size: document.size)
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

  private func digests(of images: [ChosenImage]) -> [Digest] {
    Set(images.flatMap(\.blobs)).sorted { $0.hex < $1.hex }
  }

  private struct OpenBlob: ~Copyable {
    let digest: Digest
    let file: OwnedDescriptor
    let size: Int64
  }

  private func openBlob(_ digest: Digest) throws -> OpenBlob {
    let file = try BlobStore(directory).open(digest)
    let size = try File.status(file.raw, shown: "\(digest)").size
    return OpenBlob(digest: digest, file: file, size: size)
  }

  /// Copies a blob, which must still be what its digest says: what is damaged is not passed on.
  private func copy(
    _ blob: borrowing OpenBlob, doing: String, to sink: @escaping (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let (digest, size) = (blob.digest, blob.size)
    var written: Int64 = 0
    let source = HashingSource(DescriptorSource(blob.file.raw, shown: "\(digest)")) { bytes in
      written += Int64(bytes.count)
      guard written <= size else { throw SystemError("read", "\(digest)", errno: EIO) }
      try sink(bytes)
    }
    try source.drain()
    guard written == size, digest.algorithm != .sha256 || source.hash.digest == digest else {
      throw EngineError(
        .corrupt, doing, "the bytes of \(digest) in the store are not those of the digest", hint: "dhow system check")
    }
  }
}

extension MediaType {
  /// A layer's type as docker's schema 2 calls it; nil for what it does not know.
  fileprivate var inDockerManifest: MediaType? {
    switch self {
    case .ociLayer, .dockerLayer: .dockerLayer
    case .ociLayerGzip, .dockerLayerGzip: .dockerLayerGzip
    case .ociLayerZstd, .dockerLayerZstd: .dockerLayerZstd
    default: nil
    }
  }
}
