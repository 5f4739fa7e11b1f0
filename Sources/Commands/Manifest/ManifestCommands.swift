internal import Basics
internal import ContainerEngine

/// `manifest create`: begins a manifest list.
enum ManifestCreateCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] MANIFEST_LIST [MANIFEST...]", "Create a local manifest list for annotating and pushing to a registry",
    .atLeast(1))

  struct Options: CommandOptions {
    var all = false
    var amends = false
    var registry = RegistryFlags()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("all", nil, "Add all that the images list if they are lists") { $0.all = $1 },
      .toggle("amend", "a", "Amend an existing manifest list") { $0.amends = $1 },
      .toggle("insecure", nil, "Allow communication with an insecure registry") { options, isOn in
        if isOn { options.registry.access.verifiesTLS = false }
      },
    ] + RegistryFlags.flags.map { $0.on(\.registry) }
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let name = try invocation.engine().createManifestList(
      operands[0], images: Array(operands.dropFirst()), amends: options.amends, all: options.all,
      access: options.registry.access)
    invocation.output.line("Created manifest list \(safeText(name))")
    return .success
  }
}

/// Flags that say something about an entry of a manifest list.
struct ManifestEntryFlags: CommandOptions {
  var change = ManifestEntryChange()

  static var flags: [Flag<ManifestEntryFlags>] {
    [
      .list("annotation", nil, "key=value", "Set an annotation of the entry") {
        let parts = $1.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty else { throw FlagValueError("must be KEY=VALUE") }
        $0.change.annotations.append((parts[0], parts[1]))
      },
      .text("arch", nil, "string", "Set architecture") { $0.change.architecture = $1 },
      .text("os", nil, "string", "Set operating system") { $0.change.os = $1 },
      .list("os-features", nil, "list", "Set operating system features") {
        $0.change.osFeatures += $1.split(separator: ",").map(String.init)
      },
      .text("os-version", nil, "string", "Set operating system version") { $0.change.osVersion = $1 },
      .text("variant", nil, "string", "Set architecture variant") { $0.change.variant = $1 },
    ]
  }
}

/// `manifest add`: images into a manifest list.
enum ManifestAddCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] MANIFEST_LIST IMAGE [IMAGE...]", "Add images to a local manifest list", .atLeast(2), completion: .images)

  struct Options: CommandOptions {
    var all = false
    var entry = ManifestEntryFlags()
    var registry = RegistryFlags()
  }

  static var flags: [Flag<Options>] {
    [.toggle("all", nil, "Add all that the images list if they are lists") { $0.all = $1 }]
      + ManifestEntryFlags.flags.map { $0.on(\.entry) } + RegistryFlags.flags.map { $0.on(\.registry) }
  }

  static var refusedFlags: [Flag<Options>] {
    [.refused("features", nil, "list", because: "OCI indexes have no features; --os-features sets those of the system")]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let digests = try invocation.engine().addToManifestList(
      operands[0], images: Array(operands.dropFirst()), options.entry.change, all: options.all,
      access: options.registry.access)
    for digest in digests { invocation.output.line(digest) }
    return .success
  }
}

/// `manifest annotate`: what a manifest list says about one of its images.
enum ManifestAnnotateCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] MANIFEST_LIST MANIFEST", "Add additional information to a local image manifest", .exactly(2))

  static var flags: [Flag<ManifestEntryFlags>] { ManifestEntryFlags.flags }

  static var refusedFlags: [Flag<ManifestEntryFlags>] {
    [.refused("features", nil, "list", because: "OCI indexes have no features; --os-features sets those of the system")]
  }

  static func run(_ options: ManifestEntryFlags, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    _ = try invocation.engine().annotateManifestList(operands[0], image: operands[1], options.change)
    return .success
  }
}

/// `manifest push`: a manifest list and what it lists to a registry.
enum ManifestPushCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] MANIFEST_LIST [DESTINATION]", "Push a manifest list to a repository", .between(1, 2))

  struct Options: CommandOptions {
    var request = ManifestPushRequest(list: "")
    var registry = RegistryFlags()
    var quiet = false
    var digestFile: String?
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("all", nil, "Push the images of the list as well") { $0.request.withContent = $1 }
        .defaulting(to: "true"),
      .text("digestfile", nil, "file", "Write the digest of the list to the file") { $0.digestFile = $1 }
        .completed(by: .files),
      .text("format", "f", "string", "Manifest type (\"oci\", \"v2s2\")") {
        $0.request.manifestFormat = try PushCommand.format($1)
      }.completed(by: .words(["oci", "v2s2"])),
      .toggle("insecure", nil, "Allow push to an insecure registry") { options, isOn in
        if isOn { options.registry.access.verifiesTLS = false }
      },
      .toggle("purge", "p", "Remove the local manifest list after push") { $0.request.removesList = $1 }
        .alsoNamed("rm"),
      .toggle("quiet", "q", "Suppress verbose output") { $0.quiet = $1 },
    ] + RegistryFlags.flags.map { $0.on(\.registry) }
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    var request = options.request
    request.list = operands[0]
    request.destination = operands.count > 1 ? operands[1] : nil
    request.access = options.registry.access
    let pushed = try invocation.engine().pushManifestList(
      request, observer: options.quiet ? SilentTransferView() : TransferView.make(invocation.errors, .push))
    invocation.output.line(pushed.digest)
    if let path = options.digestFile { try LocalFile.write(pushed.digest, to: path, doing: "writing the digest") }
    return .success
  }
}

/// `manifest remove`: an image out of a manifest list.
enum ManifestRemoveCommand: Command {
  static let words = CommandWords("MANIFEST_LIST MANIFEST", "Remove an image from a local manifest list", .exactly(2))

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    invocation.output.line(try invocation.engine().removeFromManifestList(operands[0], image: operands[1]))
    return .success
  }
}

/// `manifest rm`: local manifest lists; the images stay.
enum ManifestRmCommand: Command {
  static let words = CommandWords(
    "MANIFEST_LIST [MANIFEST_LIST...]", "Delete one or more manifest lists from local storage", .atLeast(1))

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return invocation.forEach(operands) { try engine.removeManifestList($0) }
  }
}

/// `manifest exists`: silent; the exit code answers.
enum ManifestExistsCommand: Command {
  static let words = CommandWords("MANIFEST_LIST", "Check if a manifest list exists in local storage", .exactly(1))

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try invocation.engine().hasManifestList(operands[0]) ? .success : .failure
  }
}
