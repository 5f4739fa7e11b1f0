package import Basics
internal import Glibc
import LinuxKernel
package import OCI

/// Walks the store on disk and names what is damaged (`system check`). It changes nothing; `StoreRepair` does.
package struct StoreCheck {
  package let directory: StateDirectory
  /// Compares a layer's tree with its blob and answers the first difference, nil when there is none.
  private let verifyLayer: ((LayerSource) throws(EngineError) -> String?)?
  private var damages: [StoreDamage] = []
  /// Microseconds between the two looks at a name that nobody seems to have.
  private static let removalPause: UInt32 = 200_000
  /// Where each layer can be had from, by the images that are whole.
  package private(set) var sources: [Digest: LayerSource] = [:]
  private var corruptBlobs: Set<Digest> = []
  package private(set) var blobsChecked = 0
  package private(set) var layersChecked = 0

  /// - Parameter verifyLayer: nil leaves the layers' trees unread; their presence is still checked.
  package init(
    _ directory: StateDirectory, verifyLayer: ((LayerSource) throws(EngineError) -> String?)?
  ) {
    self.directory = directory
    self.verifyLayer = verifyLayer
  }

  /// Finds all damage.
  package mutating func run() throws(EngineError) -> [StoreDamage] {
    damages = []
    try checkDirectories()
    try checkBlobs()
    try checkImages()
    try checkLayers()
    try checkContainers()
    try checkNames()
    try checkVolumes()
    return damages
  }

  private mutating func report(
    _ kind: StoreDamage.Kind, _ object: String, _ detail: String, _ remedy: StoreDamage.Remedy,
    _ target: StoreDamage.Target
  ) {
    damages.append(StoreDamage(kind: kind, object: object, detail: detail, remedy: remedy, target: target))
  }

  private mutating func checkDirectories() throws(EngineError) {
    for path in StatePath.skeleton {
      let status = try during("looking at \(path)") { () -> FileStatus? in
        do throws(SystemError) { return try File.status(at: directory.root.raw, path) } catch {
          if error.errno == ENOENT { return nil }
          throw error
        }
      }
      guard let status else {
        report(.permissions, path, "it is missing", .mend, .path(path))
        continue
      }
      guard status.kind == .directory, status.uid == geteuid() else {
        report(.permissions, path, "it is no directory of ours", .none, .path(path))
        continue
      }
      if status.mode & 0o077 != 0 {
        report(.permissions, path, "its mode is \(String(status.mode, radix: 8))", .mend, .path(path))
      }
    }
  }

  private mutating func checkBlobs() throws(EngineError) {
    let blobs = BlobStore(directory)
    for algorithm in Digest.Algorithm.allCases {
      let entries = try during("listing the blobs") {
        try File.listIfPresent(at: directory.root.raw, StatePath.blobs(algorithm))
      }
      for entry in entries {
        guard let digest = Digest(algorithm, hex: entry.name), !entry.isDirectory else {
          let path = "\(StatePath.blobs(algorithm))/\(entry.name)"
          report(.foreignFile, safeText(path), "it is no blob", .remove, .path(path))
          continue
        }
        guard algorithm == .sha256 else { continue }
        blobsChecked += 1
        let isWhole: Bool
        do throws(EngineError) { isWhole = try blobs.verify(digest) } catch {
          guard try blobs.contains(digest) else { continue }
          report(.corruptBlob, "blob \(digest)", error.reason, .remove, .blob(digest))
          corruptBlobs.insert(digest)
          continue
        }
        if !isWhole {
          report(.corruptBlob, "blob \(digest)", "its bytes are not those of its digest", .remove, .blob(digest))
          corruptBlobs.insert(digest)
        }
      }
    }
  }

  private mutating func checkImages() throws(EngineError) {
    let images = ImageStore(directory)
    let list: [StoredImage]
    do throws(EngineError) { list = try images.list() } catch {
      report(.index, StatePath.index, error.reason, .mend, .index)
      return
    }
    for image in list {
      let object = "image \(image.references.first?.familiar ?? image.id.short)"
      let target = StoreDamage.Target.image(image.manifest.digest)
      do throws(EngineError) {
        let manifest = try images.manifest(of: image)
        var broken: Descriptor?
        // Layers that the registry's rules let stay elsewhere may do so.
        let isSparse = !image.isUnpacked
        for layer in manifest.layers where broken == nil && !(isSparse && layer.mediaType.isNotDistributed) {
          if try !isUsable(layer.digest) { broken = layer }
        }
        // A layer's blob is needed for save, push and repair, and comes only from where the image came from.
        if let broken {
          guard try isListed(image.manifest.digest) else { continue }
          let isThere = try BlobStore(directory).contains(broken.digest)
          report(
            isThere ? .image : .missingBlob, object,
            "the blob \(broken.digest) of a layer is \(isThere ? "damaged" : "missing")", .remove, target)
          continue
        }
        guard manifest.artifactKind == nil, image.isUnpacked,
          manifest.layers.allSatisfy({ $0.mediaType.kind == .layer })
        else { continue }
        let config = try images.config(of: image)
        try during("checking \(object)") { try config.check(against: manifest) }
        for (position, (layer, diffID)) in zip(manifest.layers, config.diffIDs).enumerated() {
          sources[diffID] = LayerSource(
            diffID: diffID, blob: layer.digest, manifest: image.manifest.digest,
            lower: Array(config.diffIDs[..<position]))
        }
      } catch {
        guard try isListed(image.manifest.digest) else { continue }
        report(.image, object, error.reason, .remove, target)
      }
    }
  }

  /// Whether an image is still there: what another process removed while we looked is no damage. It takes an image out of
  /// the index before it touches what belongs to it.
  private func isListed(_ manifest: Digest) throws(EngineError) -> Bool {
    try ImageStore(directory).index().contains(manifest)
  }

  private func isUsable(_ blob: Digest) throws(EngineError) -> Bool {
    if corruptBlobs.contains(blob) { return false }
    return try BlobStore(directory).contains(blob)
  }

  private mutating func checkLayers() throws(EngineError) {
    for (diffID, source) in sources.sorted(by: { $0.key.hex < $1.key.hex }) {
      let object = "layer \(diffID.short)"
      guard let before = try inode(of: diffID) else {
        guard try isListed(source.manifest) else { continue }
        report(.missingLayer, object, "an image needs it", .mend, .layer(diffID))
        continue
      }
      layersChecked += 1
      let difference = try difference(of: source)
      // Those of a damaged layer go with it.
      let copies = difference == nil && verifyLayer != nil ? try ShiftedLayers.damages(of: diffID, in: directory) : []
      if difference == nil && copies.isEmpty { continue }
      // Removed, or removed and brought again, while we looked.
      guard try isListed(source.manifest), try inode(of: diffID) == before else { continue }
      if let difference { report(.corruptLayer, object, difference, .mend, .layer(diffID)) }
      for (path, detail) in copies {
        report(.corruptLayer, "a copy of layer \(diffID.short)", detail, .remove, .path(path))
      }
    }
  }

  /// What is wrong with a layer that is there.
  private func difference(of source: LayerSource) throws(EngineError) -> String? {
    let layers = LayerStore(directory)
    do throws(EngineError) {
      _ = try layers.record(source.diffID)
      _ = try layers.openTree(source.diffID)
      return try verifyLayer?(source)
    } catch { return error.reason }
  }

  private func inode(of diffID: Digest) throws(EngineError) -> UInt64? {
    do throws(SystemError) { return try File.status(at: directory.root.raw, StatePath.layer(diffID)).inode } catch {
      if error.errno == ENOENT { return nil }
      throw error.engineError("looking for layer \(diffID.short)")
    }
  }

  private mutating func checkContainers() throws(EngineError) {
    let containers = ContainerStore(directory)
    for id in try containers.ids().sorted() {
      let object = "container \(Identifier.short(id))"
      let target = StoreDamage.Target.container(id)
      let record: ContainerRecord
      do throws(EngineError) {
        guard let found = try containers.record(id) else {
          if try containers.exists(id) { report(.containerRecord, object, "its record is missing", .remove, target) }
          continue
        }
        record = found
      } catch {
        report(.containerRecord, object, error.reason, error.kind == .unsupported ? .none : .remove, target)
        continue
      }
      for diffID in record.layers where sources[diffID] == nil {
        if try LayerStore(directory).contains(diffID) { continue }
        report(
          .containerLayer, "container \(record.name)", "its layer \(diffID.short) is missing and no image has it",
          .none, target)
      }
      let holder = try during("checking \(object)") { try ContainerNames(directory).target(of: record.name) }
      if holder != id, try containers.exists(id) {
        report(
          .missingName, "container \(record.name)", "its name leads to \(holder.map(Identifier.short) ?? "nothing")",
          .mend, .name(record.name, id: id))
      }
    }
  }

  private mutating func checkNames() throws(EngineError) {
    let names = ContainerNames(directory)
    let entries = try during("listing the container names") {
      try File.listIfPresent(at: directory.root.raw, StatePath.names)
    }
    func isStale(_ name: String) throws(EngineError) -> Bool {
      try during("checking the name \(safeText(name))") {
        try names.holder(of: name) == nil && File.exists(at: directory.root.raw, StatePath.name(name))
      }
    }
    var suspects: [String] = []
    for entry in entries where try isStale(entry.name) { suspects.append(entry.name) }
    // A container that is being removed goes just before its name does.
    if !suspects.isEmpty { usleep(Self.removalPause) }
    for name in suspects where try isStale(name) {
      report(.staleName, "name \(safeText(name))", "no container has it", .mend, .name(name, id: nil))
    }
  }

  private mutating func checkVolumes() throws(EngineError) {
    let volumes = VolumeStore(directory)
    for name in try volumes.names().sorted() {
      do throws(EngineError) {
        guard try volumes.record(name) == nil else { continue }
        report(.volumeRecord, "volume \(name)", "its record is missing", .mend, .volume(name))
      } catch {
        report(.volumeRecord, "volume \(name)", error.reason, error.kind == .unsupported ? .none : .mend, .volume(name))
      }
    }
  }
}
