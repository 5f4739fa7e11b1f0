package import Basics
package import OCI

/// A container as it was created: everything about it that lasts. Only `rename` writes it again.
package struct ContainerRecord: Sendable {
  package static let version: Int64 = 1

  package var id: String
  package var name: String
  package var created: Timestamp
  /// The image as typed; empty with `--rootfs`.
  package var image: String
  /// Digest of the image's config; nil with `--rootfs`.
  package var imageID: Digest?
  /// Digest of the image's manifest; nil with `--rootfs`.
  package var manifest: Digest?
  package var platform: Platform?
  /// Diff ids of the image's layers, bottom first. The container keeps them alive when the image goes.
  package var layers: [Digest]
  /// What the image said when the container was made.
  package var defaults: ContainerDefaults
  package var settings: ContainerSettings
  /// The resolved command line: entry point and arguments.
  package var command: [String]
  /// Members written by a newer minor version, kept on a rewrite.
  package var otherMembers = JSONObject()

  package init(
    id: String, name: String, created: Timestamp, image: String, imageID: Digest? = nil, manifest: Digest? = nil,
    platform: Platform? = nil, layers: [Digest] = [], defaults: ContainerDefaults = ContainerDefaults(),
    settings: ContainerSettings, command: [String]
  ) {
    self.id = id
    self.name = name
    self.created = created
    self.image = image
    self.imageID = imageID
    self.manifest = manifest
    self.platform = platform
    self.layers = layers
    self.defaults = defaults
    self.settings = settings
    self.command = command
  }

  private static let ownMembers: Set<String> = [
    "version", "id", "name", "created", "image", "imageID", "manifest", "platform", "layers", "defaults", "settings",
    "command",
  ]

  /// - Throws: `JSONShapeError` for a damaged record.
  package init(_ fields: JSONFields) throws(JSONShapeError) {
    let id = try fields.string("id")
    guard Identifier.isID(id) else { throw fields.failure("id", "is no container id") }
    let name = try fields.string("name")
    guard Identifier.isName(name) else { throw fields.failure("name", "is no container name") }
    self.init(
      id: id, name: name, created: Timestamp(nanoseconds: try fields.integer("created")),
      image: try fields.string("image"), imageID: try fields.optionalDigest("imageID"),
      manifest: try fields.optionalDigest("manifest"),
      platform: try fields.fields("platform").map { (fields) throws(JSONShapeError) in try Platform(fields) },
      layers: try fields.digests("layers"),
      defaults: try fields.fields("defaults").map { (fields) throws(JSONShapeError) in try ContainerDefaults(fields) }
        ?? ContainerDefaults(),
      settings: try ContainerSettings(json: fields.value("settings") ?? .object(JSONObject())),
      command: try fields.strings("command"))
    otherMembers = JSONObject(fields.object.members.filter { !Self.ownMembers.contains($0.name) })
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("version", Self.version)
    builder.set("id", id)
    builder.set("name", name)
    builder.set("created", created.nanoseconds)
    builder.set("image", image)
    builder.set("imageID", imageID?.description)
    builder.set("manifest", manifest?.description)
    builder.set("platform", platform?.json)
    builder.set("layers", layers.map(\.description))
    builder.set("defaults", defaults.json)
    builder.set("settings", settings.json)
    builder.set("command", command)
    for member in otherMembers.members { builder.set(member.name, member.value) }
    return builder.json
  }
}
