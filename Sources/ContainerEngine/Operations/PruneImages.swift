package import Basics
internal import OCI
internal import Storage

extension Engine {
  /// Removes dangling images, with `all` every image without a container; `accepts` decides for each. Content that nothing
  /// refers to any more goes as well.
  /// - Parameter dryRun: only says what would go.
  package func pruneImages(
    all: Bool, dryRun: Bool = false, _ accepts: (ImageSummary) -> Bool
  ) throws(EngineError) -> PruneReport {
    if !dryRun { try GarbageCollector(directory).sweep() }
    let used = try usedImages()
    let stored = Dictionary(try images.list().map { ($0.manifest.digest.description, $0) }) { first, _ in first }
    var chosen: [StoredImage] = []
    var report = PruneReport(removed: [], reclaimedBytes: 0)
    for summary in try listImages() {
      guard all || summary.tags.isEmpty, !used.contains(summary.id), let image = stored[summary.digest],
        accepts(summary)
      else { continue }
      chosen.append(image)
    }
    chosen += try images.orphans()
    for image in chosen {
      for reference in image.references + image.digests { report.removed.append("untagged: \(reference.familiar)") }
    }
    if dryRun {
      for image in chosen { report.removed.append("deleted: \(image.id)") }
      report.reclaimedBytes = try bytes(onlyOf: chosen)
      return report
    }
    if !chosen.isEmpty {
      let (removed, reclaimed) = try removeContent(of: chosen)
      for case .deleted(let id) in removed { report.removed.append("deleted: \(id)") }
      report.reclaimedBytes = reclaimed
    }
    let empty = try images.emptyIndexes()
    if !empty.isEmpty { try images.remove(empty) }
    // Blobs that were fetched in part are of use only to whoever pulls those images again.
    if all { report.reclaimedBytes += try GarbageCollector(directory).removeDownloads() }
    // What was left by processes that died between publishing content and adding the image.
    do throws(EngineError) {
      report.reclaimedBytes += try collect().reclaimed
    } catch { report.failures.append(error) }
    return report
  }

  /// Bytes on disk of what nothing but these images needs.
  private func bytes(onlyOf chosen: [StoredImage]) throws(EngineError) -> Int64 {
    let going = Set(chosen.map(\.manifest.digest))
    var paths: Set<String> = []
    var kept: Set<String> = []
    for image in try images.list() {
      if going.contains(image.manifest.digest) {
        paths.formUnion(contents(of: image))
      } else {
        kept.formUnion(contents(of: image))
      }
    }
    for id in try containers.ids() {
      // A container that cannot be read keeps what it has, which nobody knows.
      guard let record = try? containers.record(id) else { continue }
      kept.formUnion(record.layers.map { StatePath.layer($0) })
    }
    try enterUserNamespace()
    let space = SpaceUsage(directory)
    var total: Int64 = 0
    for path in paths.subtracting(kept) { total += try space.allocated(path) }
    return total
  }

  /// Ids of the images that containers were made from.
  private func usedImages() throws(EngineError) -> Set<String> {
    var used: Set<String> = []
    for id in try containers.ids() {
      // Whose container cannot be read, nobody knows: it has its own report in `system check`, and keeps its layers.
      if let record = try? containers.record(id), let image = record.imageID { used.insert(image.description) }
    }
    return used
  }
}
