package import Basics
internal import OCI
internal import Storage

extension Engine {
  /// Removes an image or one of its names, by docker's rules: a name that is not the last is only taken away; an image of
  /// several names is removed by its id only with `force`; one that a container uses is removed only with `force`, and
  /// never while the container runs. A name is taken from the images of all platforms.
  /// - Parameter platform: takes it only from the image for that one.
  package func removeImage(
    _ name: String, force: Bool, platform: String? = nil
  ) throws(EngineError) -> [ImageRemoval] {
    let doing = "removing \(safeText(name))"
    let wanted = try during(doing) { try platform.map { try Platform(parsing: $0) } }
    let (image, found) = try images.find(name, platform: wanted, doing: doing)
    if let found {
      let targets = wanted == nil ? try images.images(named: found) : [image]
      return try removeName(found, typed: name, from: targets, force: force, doing: doing)
    }
    if let digest = Self.digestName(name), !image.references.isEmpty, try images.untag(digest) {
      return [.untagged(digest.familiar)]
    }
    try checkConflict(image, try users(of: image), force: force, doing: doing)
    for reference in image.references {
      try images.untag(reference, from: image.manifest.digest)
      note("untag", image: image.id.description, name: reference.familiar)
    }
    let names = (image.references + image.digests).map { ImageRemoval.untagged($0.familiar) }
    return names + (try removeContent(of: [image]).removed)
  }

  private static func digestName(_ text: String) -> Reference? {
    // What is no reference is an id, which is found already.
    guard let reference = try? Reference(parsing: text), reference.digest != nil else { return nil }
    return reference.withoutTag
  }

  private func removeName(
    _ name: Reference, typed: String, from targets: [StoredImage], force: Bool, doing: String
  ) throws(EngineError) -> [ImageRemoval] {
    let targets = try targets.map { (image) throws(EngineError) in (image: image, users: try users(of: image)) }
    for (image, users) in targets where !force && image.references.count == 1 {
      guard let user = users.first else { continue }
      throw EngineError(
        .inUse, doing,
        "conflict: unable to remove repository reference \"\(safeText(typed))\" (must force) - container "
          + "\(Identifier.short(user.id)) is using its referenced image \(image.id.short)",
        hint: "dhow rm \(Identifier.short(user.id)), or dhow rmi -f \(safeText(typed))")
    }
    var removed: [ImageRemoval] = [.untagged(name.familiar)]
    var gone: [StoredImage] = []
    for (image, users) in targets {
      try images.untag(name, from: image.manifest.digest)
      note("untag", image: image.id.description, name: name.familiar)
      if !image.references.contains(where: { $0 != name && $0.name == name.name }) {
        for digest in image.digests where digest.name == name.name {
          let line = ImageRemoval.untagged(digest.familiar)
          if !removed.contains(line) { removed.append(line) }
        }
      }
      // With force the name was taken away; the image itself stays under a container that runs.
      if image.references.count == 1, !users.contains(where: \.isRunning) { gone.append(image) }
    }
    return gone.isEmpty ? removed : removed + (try removeContent(of: gone).removed)
  }

  /// A container made from an image.
  private struct ImageUser {
    var id: String
    var isRunning: Bool
  }

  private func users(of image: StoredImage) throws(EngineError) -> [ImageUser] {
    var users: [ImageUser] = []
    for id in try containers.ids() {
      // A container with a damaged record does not run; its layers are kept as long as it is there.
      guard let record = try? containers.record(id), record.imageID == image.id else { continue }
      users.append(ImageUser(id: id, isRunning: try containers.status(of: id).isRunning))
    }
    // The running ones first: theirs is the conflict that cannot be forced.
    return users.filter(\.isRunning) + users.filter { !$0.isRunning }
  }

  private func checkConflict(
    _ image: StoredImage, _ users: [ImageUser], force: Bool, doing: String
  ) throws(EngineError) {
    func conflict(_ how: String, _ why: String, hint: String) -> EngineError {
      EngineError(.inUse, doing, "conflict: unable to delete \(image.id.short) (\(how)) - \(why)", hint: hint)
    }
    if let user = users.first(where: \.isRunning) {
      let short = Identifier.short(user.id)
      throw conflict(
        "cannot be forced", "image is being used by running container \(short)", hint: "dhow rm -f \(short)")
    }
    if force { return }
    let repositories = Set(image.references.map(\.name))
    if repositories.count > 1 || image.references.count > 1 {
      throw conflict(
        "must be forced", "image is referenced in multiple repositories", hint: "dhow rmi -f \(image.id.short)")
    }
    if let user = users.first {
      let short = Identifier.short(user.id)
      throw conflict(
        "must be forced", "image is being used by stopped container \(short)",
        hint: "dhow rm \(short), or dhow rmi -f \(image.id.short)")
    }
  }

  /// Takes images out of the index and removes what nobody else needs of their content.
  func removeContent(
    of list: [StoredImage]
  ) throws(EngineError) -> (removed: [ImageRemoval], reclaimed: Int64) {
    var candidates: (blobs: [Digest], layers: [Digest]) = ([], [])
    var chains: [(image: StoredImage, diffIDs: [Digest])] = []
    let others = try images.dependents(of: Set(list.map(\.manifest.digest)))
    candidates.blobs += others.indexes
    for image in list + others.images {
      candidates.blobs += [image.manifest.digest, image.id] + image.digests.compactMap(\.digest)
      candidates.blobs += try images.indexContent(of: image)
      // Of a damaged image only what can still be read is removed with it; the rest goes with the next prune.
      candidates.blobs += (try? images.manifest(of: image).layers.map(\.digest)) ?? []
      let diffIDs = (try? images.config(of: image).diffIDs) ?? []
      candidates.layers += diffIDs
      chains.append((image, diffIDs))
    }
    try images.remove(Set((list + others.images).map(\.manifest.digest)).union(others.indexes))
    for image in list { note("delete", image: image.id.description, name: image.references.first?.familiar) }
    let outcome: GarbageCollector.Outcome
    do throws(EngineError) { outcome = try collect(only: candidates) } catch {
      // Something else is damaged, so that nobody knows what is still needed: the content stays, the image is gone.
      guard error.kind == .corrupt || error.kind == .invalidInput else { throw error }
      return (list.map { .deleted($0.id.description) }, 0)
    }
    var gone = Set(outcome.layers)
    var removed: [ImageRemoval] = []
    for (image, diffIDs) in chains where !image.isReferrer || list.contains(image) {
      removed.append(.deleted(image.id.description))
      for (diffID, chainID) in zip(diffIDs, chainIDs(diffIDs)).reversed() where gone.remove(diffID) != nil {
        removed.append(.deleted(chainID.description))
      }
    }
    return (removed, outcome.reclaimed)
  }

  /// Removes garbage, in the user's namespace if there are files of other ids among it.
  func collect(
    only candidates: (blobs: [Digest], layers: [Digest])? = nil
  ) throws(EngineError) -> GarbageCollector.Outcome {
    let outcome = try GarbageCollector(directory).collect(only: candidates)
    if candidates == nil { try snapshots.removeUnused() }
    if outcome.trashFailure != nil { try emptyTrash() }
    return outcome
  }

  /// The names of each layer with all below it (OCI image spec, config.md, "Layer ChainID").
  private func chainIDs(_ diffIDs: [Digest]) -> [Digest] {
    var chain: Digest?
    return diffIDs.map { diffID in
      let next = chain.map { SHA256Stream.digest(Array("\($0) \(diffID)".utf8)) } ?? diffID
      chain = next
      return next
    }
  }
}
