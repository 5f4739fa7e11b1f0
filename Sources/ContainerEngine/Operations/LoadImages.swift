package import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

/// What `load` did, for the person.
package struct LoadReport: Sendable {
  /// Familiar names such as `busybox:latest`, or `sha256:…` for an image without one, in the archive's order.
  package var loaded: [String] = []
  /// Names that another image had before, a sentence each, in docker's words.
  package var renamed: [String] = []
  /// What was left out of layers, a sentence each.
  package var notes: [String] = []
}

extension Engine {
  /// Adds the images of an archive: docker's in all its forms, or an OCI image layout; a tar, compressed or not, from a
  /// file or standard input, or a directory. All of it is checked before the first image is there.
  /// - Parameter squashIDs: files of ids that the user does not have belong to id 0, with a note, instead of an error.
  package func loadImages(
    _ source: ArchiveSource, platform: String?, squashIDs: Bool = false
  ) throws(EngineError) -> LoadReport {
    let doing = "loading \(source.shown)"
    return try during(doing) {
      let wanted = try platform.map { try Platform(parsing: $0) } ?? Platform.host
      let input = try source.open(doing: doing)
      try prepareForLayers()
      let ingest = try ContentIngest(directory)
      let archive =
        if try File.status(input.raw, shown: source.shown).kind == .directory {
          ImageArchive(directory: input.raw, ingest: ingest, doing: doing)
        } else {
          try ImageArchive(reading: DescriptorSource(input.raw, shown: source.shown), ingest: ingest, doing: doing)
        }
      let images = try archive.images(for: wanted)
      var report = LoadReport()
      report.notes = try unpack(images, from: archive, try layerOptions(squashIDs: squashIDs), doing: doing)
      try ingest.keep(onlyBlobs: Set(images.flatMap(\.blobs)))
      try ingest.publish()
      for image in images { try add(image, &report) }
      return report
    }
  }

  /// The user's namespace, and a store whose files belong to it.
  func prepareForLayers() throws(EngineError) {
    try beginUserNamespace()
    try directory.prepare()
    if isRootless { try directory.check(try idMap()) }
    try enterUserNamespace()
    if let obstacle = try directory.features().obstacle {
      throw EngineError(.unsupported, "opening the store in \(safeText(directory.location.root))", obstacle)
    }
  }

  /// Unpacks the layers that are not in the store, and checks the diff ids of those that are.
  private func unpack(
    _ images: [ArchivedImage], from archive: ImageArchive, _ options: LayerExtractor.Options, doing: String
  ) throws -> [String] {
    let ingest = archive.ingest
    try ingest.pin(blobs: images.flatMap(\.blobs), layers: images.flatMap(\.config.diffIDs))
    var jobs: [LayerWorkers.Job] = []
    for image in images {
      for (index, (diffID, blob)) in zip(image.config.diffIDs, image.layers).enumerated() {
        if let job = jobs.first(where: { $0.diffID == diffID }) {
          if job.blob.digest != blob.digest { try check(blob, diffID, archive) }
          continue
        }
        guard let draft = try ingest.layer(diffID) else {
          try check(blob, diffID, archive)
          continue
        }
        jobs.append(
          LayerWorkers.Job(
            diffID: diffID, blob: blob, draft: draft, lower: Array(image.config.diffIDs[..<index])))
      }
    }
    return try LayerWorkers(ingest: ingest, options: options, doing: doing).run(jobs)
  }

  /// A blob of a layer whose tree is there already must still be what the config says (SECURITY B10).
  private func check(_ blob: Descriptor, _ diffID: Digest, _ archive: ImageArchive) throws {
    if blob.digest == diffID { return }
    let found = try archive.uncompressedDigest(of: blob.digest)
    guard found == diffID else {
      throw archive.corrupt("layer \(blob.digest) unpacks to \(found), but the config says \(diffID)")
    }
  }

  private func add(_ image: ArchivedImage, _ report: inout LoadReport) throws {
    var image = image
    image.manifest.platform = image.config.platform
    if image.names.isEmpty {
      try images.add(manifest: image.manifest, id: image.id, reference: nil)
      report.loaded.append(image.id.description)
    }
    for name in image.names {
      if let before = try images.add(manifest: image.manifest, id: image.id, reference: name) {
        report.renamed.append(
          "The image \(name.familiar) already exists, renaming the old one with ID \(before) to empty string")
      }
      report.loaded.append(name.familiar)
    }
    note("load", image: image.id.description, name: image.names.first?.familiar)
  }
}

extension ImageArchive {
  /// The images, in whichever form they are there. An archive that is an OCI layout and docker's at the same time keeps
  /// its manifests from the one and takes its names from the other.
  func images(for platform: Platform) throws -> [ArchivedImage] {
    if try isLayout() {
      var images = try layoutImages(for: platform)
      let names = try dockerNames()
      for index in images.indices {
        if let known = names[images[index].id], !known.isEmpty { images[index].names = known }
      }
      if !images.isEmpty { return images }
    }
    if let images = try dirImages() { return images }
    if let images = try dockerImages() { return images }
    if let images = try legacyImages() { return images }
    throw EngineError(
      .invalidInput, doing, "it is no archive of images: it has none of index.json, manifest.json and repositories",
      hint: "an archive of a root file system becomes an image with: dhow import FILE NAME")
  }
}

extension ArchiveSource {
  /// The source for people.
  var shown: String {
    switch self {
    case .standardInput: "standard input"
    case .file(let path): safeText(path)
    }
  }

  func open(doing: String) throws(EngineError) -> OwnedDescriptor {
    do throws(SystemError) {
      switch self {
      case .standardInput: return try File.duplicate(0)
      case .file(let path): return try File.open(path, O_RDONLY | O_NOCTTY)
      }
    } catch { throw error.engineError(doing) }
  }
}
