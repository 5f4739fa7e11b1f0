import Basics
import OCI
import Storage

/// An image in docker's words (Engine API 1.50, `ImageInspect`).
struct ImageInspect {
  let image: StoredImage
  let config: ImageConfig
  let size: LayerSizes
  /// The store's root directory.
  let root: String

  var json: JSON {
    var builder = JSONBuilder()
    builder.set("Id", image.id.description)
    builder.set("RepoTags", JSON(image.references.map(\.familiar)))
    builder.set("RepoDigests", JSON(image.digests.map(\.familiar)))
    builder.set("Parent", "")
    builder.set("Comment", config.history.last?.comment ?? "")
    builder.set("Created", config.created?.rfc3339 ?? Timestamp.goZero)
    builder.set("DockerVersion", config.otherMembers["docker_version"]?.stringValue ?? "")
    builder.set("Author", config.author)
    builder.set("Config", defaults)
    builder.set("Architecture", config.platform.architecture)
    builder.set("Variant", config.platform.variant.isEmpty ? nil : config.platform.variant)
    builder.set("Os", config.platform.os)
    builder.set("OsVersion", config.platform.osVersion)
    builder.set("Size", size.total(config.diffIDs))
    builder.set("GraphDriver", ["Data": graphData, "Name": "overlay2"])
    builder.set("RootFS", ["Type": "layers", "Layers": JSON(config.diffIDs.map(\.description))])
    builder.set("Metadata", ["LastTagTime": .string(image.tagged?.rfc3339 ?? Timestamp.goZero)])
    builder.set(
      "Descriptor",
      [
        "mediaType": .string(image.manifest.mediaType.rawValue), "digest": .string(image.manifest.digest.description),
        "size": .integer(image.manifest.size),
      ])
    return builder.json
  }

  /// The image's config as it stands, with the lists that docker always shows.
  private var defaults: JSON {
    guard case .object(var members) = config.defaults.json else { return config.defaults.json }
    for (name, absent) in [
      ("Cmd", JSON.null), ("Entrypoint", .null), ("Env", .array([])), ("Labels", .null), ("OnBuild", .null),
      ("User", ""), ("Volumes", .null), ("WorkingDir", ""),
    ] where members[name] == nil { members[name] = absent }
    return .object(members)
  }

  /// The layers' trees, the topmost first, as docker's overlay2 names them. There is no mounted directory.
  private var graphData: JSON {
    let trees = config.diffIDs.reversed().map { "\(root)/\(StatePath.layerTree($0))" }
    guard let top = trees.first else { return .object(JSONObject()) }
    var builder = JSONBuilder()
    builder.set("LowerDir", trees.count > 1 ? trees.dropFirst().joined(separator: ":") : nil)
    builder.set("UpperDir", top)
    return builder.json
  }
}
