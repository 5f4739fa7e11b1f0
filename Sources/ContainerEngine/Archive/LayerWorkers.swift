internal import Basics
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

/// Unpacks the layers of images into a store, several at the same time.
///
/// By processes and not by threads: this process may be the one that a container's monitor is forked from, and a
/// process with threads must not fork. A worker only writes below the descriptor of its layer's tree and tells its
/// parent, over a pipe, what came of it.
struct LayerWorkers {
  /// At most so many at once; never more than there are processors.
  static let most = 4
  /// Bytes of all blobs together from where on a process more is worth its start.
  static let worthwhile: Int64 = 4 << 20

  let ingest: ContentIngest
  let options: LayerExtractor.Options
  let doing: String

  /// One layer to unpack.
  final class Job {
    let diffID: Digest
    let blob: Descriptor
    let draft: LayerDraft
    /// Diff ids of the layers below, bottom first.
    let lower: [Digest]
    fileprivate var unpacked: UnpackedLayer?

    init(diffID: Digest, blob: Descriptor, draft: LayerDraft, lower: [Digest]) {
      self.diffID = diffID
      self.blob = blob
      self.draft = draft
      self.lower = lower
    }
  }

  /// Unpacks layers that the store does not have, checks each against its diff id (SECURITY B10), and settles what a
  /// layer says only together with those below it. Answers notes for the person.
  func run(_ jobs: [Job]) throws -> [String] {
    let processors = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    let width = min(jobs.count, Self.most, max(1, processors))
    if width > 1, jobs.reduce(0, { $0 + $1.blob.size }) >= Self.worthwhile {
      try runWorkers(jobs, width: width)
    } else {
      for job in jobs { job.unpacked = try unpack(job) }
    }
    var notes: [String] = []
    for job in jobs {
      guard let unpacked = job.unpacked else {
        throw EngineError(.internal, doing, "layer \(job.diffID.short) was not unpacked")
      }
      guard unpacked.diffID == job.diffID else {
        throw EngineError(
          .corrupt, doing, "layer \(job.blob.digest) unpacks to \(unpacked.diffID), but the config says \(job.diffID)")
      }
      try job.draft.finish(
        archive: (unpacked.diffID, unpacked.uncompressedSize), contentSize: unpacked.extraction.contentSize,
        entries: unpacked.extraction.entries)
      notes += unpacked.extraction.notes.map { "layer \(job.diffID.short): \($0)" }
    }
    for job in jobs {
      guard let open = job.unpacked?.extraction.unresolved else { continue }
      try ingest.complete(job.diffID, open, on: job.lower, mode: options.mode, doing: doing)
    }
    return notes
  }

  private func unpack(_ job: Job) throws -> UnpackedLayer {
    let file = try ingest.openBlob(job.blob.digest)
    return try LayerUnpacking.unpack(
      DescriptorSource(file.raw, shown: "\(job.blob.digest)"), into: job.draft.tree.raw, options: options,
      doing: "\(doing): layer \(job.diffID.short)")
  }

  // Processes.

  private func runWorkers(_ jobs: [Job], width: Int) throws {
    // The largest first: the last one to end decides how long all take.
    var waiting = jobs.sorted { $0.blob.size < $1.blob.size }
    var running: [Int32: (job: Job, pipe: Int32)] = [:]
    var failure: (any Error)?
    defer { for worker in running.values { close(worker.pipe) } }
    while !running.isEmpty || (!waiting.isEmpty && failure == nil) {
      while running.count < width, failure == nil, let job = waiting.popLast() {
        do {
          let worker = try start(job)
          running[worker.pid] = (job, worker.pipe)
        } catch {
          failure = error
        }
      }
      // Workers that run are waited for also after a failure: they write below directories that go when we return.
      guard let (pid, worker) = try ready(running) else { break }
      running[pid] = nil
      do { worker.job.unpacked = try answer(of: pid, worker.pipe) } catch {
        if failure == nil { failure = error }
      }
    }
    if let failure { throw failure }
  }

  /// A worker that has begun its answer, or died.
  private func ready(
    _ running: [Int32: (job: Job, pipe: Int32)]
  ) throws -> (pid: Int32, worker: (job: Job, pipe: Int32))? {
    let list = Array(running)
    if list.isEmpty { return nil }
    var polls = list.map { pollfd(fd: $0.value.pipe, events: Int16(POLLIN), revents: 0) }
    try systemCall("poll") { poll(&polls, nfds_t(polls.count), -1) }
    let index = polls.firstIndex { $0.revents != 0 } ?? 0
    return (list[index].key, list[index].value)
  }

  private func start(_ job: Job) throws -> (pid: Int32, pipe: Int32) {
    var ends: [Int32] = [-1, -1]
    try systemCall("pipe") { pipe(&ends) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let pid: Int32
    do throws(SystemError) { pid = try Spawn.fork() } catch {
      ends.forEach { close($0) }
      throw error
    }
    if pid == 0 { work(on: job, reportingTo: ends[1]) }
    close(ends[1])
    return (pid, ends[0])
  }

  /// The worker: ends without running anything of the parent's that was to be run at its end.
  private func work(on job: Job, reportingTo pipe: Int32) -> Never {
    let report: JSON
    do { report = ["unpacked": try unpack(job).json] } catch let error as EngineError {
      report = [
        "kind": .string(error.kind.rawValue), "doing": .string(error.doing), "reason": .string(error.reason),
        "hint": error.hint.map(JSON.string) ?? .null,
      ]
    } catch {
      report = [
        "kind": .string(EngineError.Kind.internal.rawValue), "doing": .string(doing), "reason": .string("\(error)"),
      ]
    }
    // A parent that is gone needs no answer.
    try? File.writeAll(pipe, report.bytes())
    _exit(0)
  }

  private func answer(of pid: Int32, _ pipe: Int32) throws -> UnpackedLayer {
    let pipe = OwnedDescriptor(owning: pipe)
    let bytes = try File.readAll(pipe.raw, limit: 1 << 30, shown: "a worker's answer")
    let end = try Spawn.wait(pid)
    guard case .exited(0) = end, !bytes.isEmpty else {
      throw EngineError(.internal, doing, "a process that unpacked a layer ended before it was done")
    }
    let fields = try JSONFields(try JSON(parsing: bytes), "worker")
    if let unpacked = try fields.fields("unpacked") { return try UnpackedLayer(unpacked) }
    let kind = EngineError.Kind(rawValue: try fields.string("kind")) ?? .internal
    throw EngineError(
      kind, try fields.string("doing"), try fields.string("reason"), hint: try fields.optionalString("hint"))
  }
}

extension ContentIngest {
  /// Settles what a layer says only together with those below it, which are all staged or in the store by now.
  /// - Parameter lower: their diff ids, bottom first.
  func complete(
    _ diffID: Digest, _ open: UnresolvedEntries, on lower: [Digest], mode: OverlayMode, doing: String
  ) throws {
    if open.isEmpty { return }
    let below = OpenedTrees(try lower.reversed().map { try openTree($0).take() })
    let tree = try openTree(diffID)
    try LayerCompletion.complete(
      tree.raw, open, lower: LowerChain(below.descriptors, mode: mode), mode: mode,
      failure: ArchiveFailure(doing: doing))
  }
}
