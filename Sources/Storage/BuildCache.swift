package import Basics
internal import Glibc
package import LinuxKernel
package import OCI

/// What one step of a build came to, under the key of everything that it depended on.
package struct BuildStepRecord: Equatable, Sendable {
  package static let version: Int64 = 1

  package struct Layer: Equatable, Sendable {
    package var diffID: Digest
    package var blob: Descriptor

    package init(diffID: Digest, blob: Descriptor) {
      self.diffID = diffID
      self.blob = blob
    }
  }

  /// Nil for a step that changed nothing.
  package var layer: Layer?
  /// The instruction for people.
  package var title: String
  package var created: Timestamp

  package init(layer: Layer?, title: String, created: Timestamp) {
    self.layer = layer
    self.title = title
    self.created = created
  }

  init(_ fields: JSONFields) throws(JSONShapeError) {
    title = try fields.optionalString("title") ?? ""
    created = try fields.optionalString("created").flatMap(Timestamp.init(rfc3339:)) ?? Timestamp(seconds: 0)
    if let diffID = try fields.optionalDigest("diffID"), let blob = try fields.fields("blob") {
      layer = Layer(diffID: diffID, blob: try Descriptor(blob))
    }
  }

  var json: JSON {
    var builder = JSONBuilder()
    builder.set("version", Self.version)
    builder.set("title", title)
    builder.set("created", created.rfc3339)
    builder.set("diffID", layer?.diffID.description)
    builder.set("blob", layer?.blob.json)
    return builder.json
  }
}

/// What builds keep for later ones: a small record for each step, named by its key, which a reader takes without a lock.
/// The layers it speaks of are in the store; a record whose layer is gone counts as none.
package struct BuildCache {
  package let directory: StateDirectory
  /// A record is not marked as used more often than this, in seconds.
  private static let useGranularity: Int64 = 3600

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// A step of the cache, for listing and for removal.
  package struct Step {
    package var key: String
    package var record: BuildStepRecord
    package var lastUsed: Timestamp
  }

  /// The record of a step, nil when it was never done or its layer is gone.
  package func step(_ key: String) throws(EngineError) -> BuildStepRecord? {
    guard let record = try read(key) else { return nil }
    guard let layer = record.layer else { return record }
    guard try LayerStore(directory).contains(layer.diffID), try BlobStore(directory).contains(layer.blob.digest) else {
      return nil
    }
    return record
  }

  private func read(_ key: String) throws(EngineError) -> BuildStepRecord? {
    do throws(EngineError) {
      guard
        let fields = try RecordFile.read(
          at: directory.root.raw, StatePath.buildStep(key), version: BuildStepRecord.version, subject: "a build step")
      else { return nil }
      return try during("reading the record of a build step") { try BuildStepRecord(fields) }
    } catch {
      // A damaged record is as good as none: the step is done again and the record written anew.
      if error.kind == .corrupt { return nil }
      throw error
    }
  }

  /// Notes that a step was of use again.
  package func touch(_ key: String) {
    // A record that is gone, or that cannot be touched, only looks older than it is.
    guard let status = try? File.status(at: directory.root.raw, StatePath.buildStep(key)),
      Timestamp.now.nanoseconds - status.modified > Self.useGranularity * 1_000_000_000
    else { return }
    utimensat(directory.root.raw, StatePath.buildStep(key), nil, 0)
  }

  /// Keeps what a step came to. Its layer must be published.
  package func keep(_ record: BuildStepRecord, as key: String) throws(EngineError) {
    try during("keeping a build step") {
      try prepare()
      try RecordFile.write(record.json, at: directory.root.raw, StatePath.buildStep(key), durable: false)
    }
  }

  /// Makes the directories.
  package func prepare() throws(SystemError) {
    for path in [
      StatePath.buildCache, StatePath.buildSteps, StatePath.buildMounts, StatePath.buildContexts, StatePath.buildFacts,
    ] { try File.ensureDirectory(at: directory.root.raw, path) }
  }

  /// A small fact by its key, nil when nobody noted it.
  package func fact(_ key: String) throws(EngineError) -> String? {
    try during("reading the build cache") {
      guard let bytes = try RecordFile.readSmall(at: directory.root.raw, StatePath.buildFact(key)) else { return nil }
      return String(decoding: bytes, as: UTF8.self)
    }
  }

  package func note(_ fact: String, as key: String) throws(EngineError) {
    try during("writing the build cache") {
      try prepare()
      let path = StatePath.buildFact(key)
      let file = try File.open(
        at: directory.root.raw, path + ".new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
      try File.writeAll(file.raw, Array(fact.utf8), shown: path)
      try File.rename(at: directory.root.raw, path + ".new", to: directory.root.raw, path)
    }
  }

  /// All steps, in no order.
  package func steps() throws(EngineError) -> [Step] {
    let entries = try during("listing the build cache") {
      try File.listIfPresent(at: directory.root.raw, StatePath.buildSteps)
    }
    var steps: [Step] = []
    for entry in entries where entry.name.hasSuffix(".json") {
      let key = String(entry.name.dropLast(5))
      // One that another process has just removed.
      guard let record = try read(key),
        let status = try? File.status(at: directory.root.raw, StatePath.buildStep(key))
      else { continue }
      steps.append(Step(key: key, record: record, lastUsed: Timestamp(nanoseconds: status.modified)))
    }
    return steps
  }

  /// Forgets a step; its layer goes with the next collection when nobody else has it.
  package func forget(_ key: String) throws(EngineError) {
    try during("pruning the build cache") {
      try File.removeIfPresent(at: directory.root.raw, StatePath.buildStep(key))
    }
  }

  /// Names of the cache mounts that there are, with the time of their last use.
  package func mounts() throws(EngineError) -> [(name: String, lastUsed: Timestamp)] {
    try during("listing the build cache") {
      try File.listIfPresent(at: directory.root.raw, StatePath.buildMounts).compactMap { entry in
        // Removed meanwhile.
        guard let status = try? File.status(at: directory.root.raw, StatePath.buildMount(entry.name)) else {
          return nil
        }
        return (entry.name, Timestamp(nanoseconds: status.modified))
      }
    }
  }

  /// Removes everything that only makes later builds quicker: facts and file hashes.
  package func forgetFacts() throws(EngineError) {
    for path in [StatePath.buildFacts, StatePath.buildContexts] { try Trash(directory).discard(path) }
  }
}
