package import Basics

/// The config of a runnable image (OCI image spec, config.md, and docker's additions), validated on entry (SECURITY
/// B11). The digest of its bytes is the image's id. Members that are not ours to read are kept for a rewrite.
package struct ImageConfig: Equatable, Sendable {
  package var created: Timestamp?
  package var author: String
  package var platform: Platform
  package var defaults: ContainerDefaults
  /// Digests of the uncompressed layers, bottom first.
  package var diffIDs: [Digest]
  package var history: [History]
  /// Members of the document that have no place above.
  package var otherMembers: JSONObject

  package init(
    created: Timestamp?, author: String = "", platform: Platform, defaults: ContainerDefaults = ContainerDefaults(),
    diffIDs: [Digest], history: [History], otherMembers: JSONObject = JSONObject()
  ) {
    self.created = created
    self.author = author
    self.platform = platform
    self.defaults = defaults
    self.diffIDs = diffIDs
    self.history = history
    self.otherMembers = otherMembers
  }

  private static let ownMembers: Set<String> = [
    "created", "author", "architecture", "os", "os.version", "os.features", "variant", "config", "rootfs", "history",
  ]

  /// Parses the bytes of a config.
  package init(parsing bytes: [UInt8]) throws(OCIFormatError) {
    let subject = "image config"
    let json = try JSON(document: bytes, subject: subject)
    self = try shaped { () throws(JSONShapeError) in try ImageConfig(try JSONFields(json, subject)) }
  }

  private init(_ fields: JSONFields) throws(JSONShapeError) {
    for name in ["schemaVersion", "manifests", "layers"] where fields.value(name) != nil {
      throw fields.failure(name, "belongs to a manifest, not to a config")
    }
    guard let rootFS = try fields.fields("rootfs") else { throw fields.failure("rootfs", "is missing") }
    guard try rootFS.optionalString("type") ?? "layers" == "layers" else {
      throw rootFS.failure("type", "is not \"layers\"")
    }
    let diffIDs = try rootFS.digests("diff_ids")
    guard diffIDs.count <= OCILimits.layers else {
      throw rootFS.failure("diff_ids", "has more than \(OCILimits.layers) entries")
    }
    let steps = try fields.objects("history")
    guard steps.count <= OCILimits.historyEntries else {
      throw fields.failure("history", "has more than \(OCILimits.historyEntries) entries")
    }
    var history: [History] = []
    for step in steps { history.append(try History(step)) }
    let defaults = try fields.fields("config").map { (fields) throws(JSONShapeError) in try ContainerDefaults(fields) }
    self.init(
      created: try fields.optionalString("created").flatMap(Timestamp.init(rfc3339:)),
      author: try fields.optionalString("author") ?? "", platform: try Platform(fields),
      defaults: defaults ?? ContainerDefaults(), diffIDs: diffIDs, history: history,
      otherMembers: JSONObject(fields.object.members.filter { !Self.ownMembers.contains($0.name) }))
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("created", created?.rfc3339)
    builder.set("author", author.isEmpty ? nil : author)
    for member in platform.json.objectValue?.members ?? [] { builder.set(member.name, member.value) }
    for member in otherMembers.members { builder.set(member.name, member.value) }
    builder.set("config", defaults.json)
    builder.set("rootfs", ["type": "layers", "diff_ids": JSON(diffIDs.map(\.description))])
    builder.set("history", history.map(\.json))
    return builder.json
  }

  /// Checks that config and manifest are of one image: as many layers as diff ids (SECURITY B10).
  package func check(against manifest: ImageManifest) throws(OCIFormatError) {
    guard manifest.layers.count == diffIDs.count else {
      throw OCIFormatError(
        "image config.rootfs.diff_ids",
        "has \(diffIDs.count) entries, but the manifest has \(manifest.layers.count) layers")
    }
  }

  /// The steps of the history beside the index of the layer each made, nil for a step without one, and nil for all when
  /// the numbers of steps and layers do not agree (some tools write no history).
  package var historyLayers: [(step: History, layer: Int?)] {
    let agrees = history.count { !$0.emptyLayer } == diffIDs.count
    var next = 0
    return history.map { step in
      guard agrees, !step.emptyLayer else { return (step, nil) }
      next += 1
      return (step, next - 1)
    }
  }
}
