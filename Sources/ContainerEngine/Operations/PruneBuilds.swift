package import Basics
internal import Glibc
internal import LinuxKernel
internal import OCI
internal import Storage

/// What `builder prune` takes.
package struct BuildPruneRequest: Sendable {
  /// Cache mounts too, and what images still share.
  package var all = false
  /// Not used since then; nil is whenever.
  package var unusedSince: Timestamp?
  /// Bytes that may stay, the least recently used going first; nil keeps nothing.
  package var keptBytes: Int64?
  package var dryRun = false

  package init() {}
}

extension Engine {
  /// Removes what builds keep for later ones. Layers that images or containers use stay theirs.
  package func pruneBuilds(_ request: BuildPruneRequest) throws(EngineError) -> PruneReport {
    var report = PruneReport(removed: [], reclaimedBytes: 0)
    let cache = BuildCache(directory)
    let steps = try cache.steps().sorted { ($0.lastUsed, $0.key) < ($1.lastUsed, $1.key) }
    let chosen = try choose(among: steps, request)
    for step in chosen {
      report.removed.append(step.key)
      if !request.dryRun { try cache.forget(step.key) }
    }
    if request.dryRun {
      report.reclaimedBytes = chosen.reduce(0) { $0 + ($1.record.layer?.blob.size ?? 0) }
      return report
    }
    if request.keptBytes == nil, request.unusedSince == nil { try cache.forgetFacts() }
    try enterUserNamespace()
    if request.all { try pruneMounts(request, &report) }
    report.reclaimedBytes += try GarbageCollector(directory).collect().reclaimed
    return report
  }

  /// Bytes that builds may keep without being asked: a tenth of the filesystem, and no more than this.
  private static let budget: Int64 = 20 << 30

  /// Takes the least recently used steps away when builds keep more than their budget.
  func keepBuildBudget() throws(EngineError) {
    var status = statvfs()
    guard fstatvfs(directory.root.raw, &status) == 0 else { return }
    let tenth = Int64(clamping: status.f_blocks / 10 * UInt(status.f_frsize))
    let limit = min(Self.budget, tenth)
    let steps = try BuildCache(directory).steps()
    guard steps.reduce(Int64(0), { $0 + size($1) }) > limit else { return }
    var request = BuildPruneRequest()
    // Some room at once, so that the next build need not begin again.
    request.keptBytes = limit / 10 * 8
    _ = try pruneBuilds(request)
  }

  private func choose(
    among steps: [BuildCache.Step], _ request: BuildPruneRequest
  ) throws(EngineError) -> [BuildCache.Step] {
    var chosen = steps
    if let since = request.unusedSince { chosen = chosen.filter { $0.lastUsed < since } }
    guard let kept = request.keptBytes else { return chosen }
    var total = steps.reduce(Int64(0)) { $0 + size($1) }
    return chosen.prefix { step in
      guard total > kept else { return false }
      total -= size(step)
      return true
    }.map { $0 }
  }

  /// Of the blob and of the tree.
  private func size(_ step: BuildCache.Step) -> Int64 { 2 * (step.record.layer?.blob.size ?? 0) }

  private func pruneMounts(_ request: BuildPruneRequest, _ report: inout PruneReport) throws(EngineError) {
    let usage = SpaceUsage(directory)
    for mount in try BuildCache(directory).mounts() {
      if let since = request.unusedSince, mount.lastUsed >= since { continue }
      let path = StatePath.buildMount(mount.name)
      // One that a build uses stays.
      guard
        try during(
          "pruning the cache mounts", { try FileLock.attempt(at: directory.root.raw, path + "/lock", shared: false) })
          != nil
      else { continue }
      report.reclaimedBytes += try usage.allocated(path)
      try Trash(directory).discard(path)
      report.removed.append(mount.name)
    }
  }
}
