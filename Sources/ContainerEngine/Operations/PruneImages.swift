package import Basics
internal import OCI
internal import Storage

extension Engine {
  /// Removes dangling images, with `all` every image without a container; `accepts` decides for each. Content that nothing
  /// refers to any more goes as well.
  package func pruneImages(
    all: Bool, _ accepts: (ImageSummary) -> Bool
  ) throws(EngineError) -> PruneReport {
    try GarbageCollector(directory).sweep()
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
    for image in chosen {
      for reference in image.references + image.digests { report.removed.append("untagged: \(reference.familiar)") }
    }
    if !chosen.isEmpty {
      let (removed, reclaimed) = try removeContent(of: chosen)
      for case .deleted(let id) in removed { report.removed.append("deleted: \(id)") }
      report.reclaimedBytes = reclaimed
    }
    // Blobs that were fetched in part are of use only to whoever pulls those images again.
    if all { report.reclaimedBytes += try GarbageCollector(directory).removeDownloads() }
    // What was left by processes that died between publishing content and adding the image.
    do throws(EngineError) {
      report.reclaimedBytes += try collect().reclaimed
    } catch { report.failures.append(error) }
    return report
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
