internal import Basics
internal import ContainerEngine

/// `manifest inspect`: a manifest or a list, of a registry or of this store.
enum ManifestInspectCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] [MANIFEST_LIST] MANIFEST", "Display an image manifest, or manifest list", .between(1, 2))

  struct Options: CommandOptions {
    var isVerbose = false
    var registry = RegistryFlags()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("insecure", nil, "Allow communication with an insecure registry") { options, isOn in
        if isOn { options.registry.access.verifiesTLS = false }
      },
      .toggle("verbose", "v", "Output additional info including layers and platform") { $0.isVerbose = $1 },
    ] + RegistryFlags.flags.map { $0.on(\.registry) }
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    // docker's first of two operands is the list that the manifest was put into here, which says no more than the name.
    let found = try invocation.engine().inspectManifest(
      operands[operands.count - 1], isVerbose: options.isVerbose, access: options.registry.access)
    if options.isVerbose {
      let shown = found.members.isEmpty ? verbose(found) : .array(found.members.map(verbose))
      invocation.output.line(tabbed(shown))
    } else {
      let json = try JSON(parsing: found.bytes)
      // docker indents a list with three spaces and a manifest with tabs.
      invocation.output.line(safeLines(found.isIndex ? json.text(indent: 3) : tabbed(json)))
    }
    return .success
  }

  /// What docker says about one manifest with `-v`.
  private static func verbose(_ found: InspectedManifest) -> JSON {
    var descriptor = JSONBuilder()
    descriptor.set("mediaType", found.mediaType)
    descriptor.set("digest", found.digest)
    descriptor.set("size", Int64(found.bytes.count))
    descriptor.set("platform", found.platform)
    var builder = JSONBuilder()
    builder.set("Ref", found.name)
    builder.set("Descriptor", descriptor.json)
    builder.set("Raw", base64Encoded(found.bytes))
    // What was parsed before is parsed again.
    let document = try? JSON(parsing: found.bytes)
    builder.set(found.mediaType.hasPrefix("application/vnd.docker.") ? "SchemaV2Manifest" : "OCIManifest", document)
    return builder.json
  }

  private static func tabbed(_ json: JSON) -> String {
    let lines: [Substring] = json.text(indent: 1).split(separator: "\n", omittingEmptySubsequences: false)
    return lines.map { (line: Substring) -> String in
      let depth = line.prefix { $0 == " " }.count
      return String(repeating: "\t", count: depth) + line.dropFirst(depth)
    }.joined(separator: "\n")
  }
}
