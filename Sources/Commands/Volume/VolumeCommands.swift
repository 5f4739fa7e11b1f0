internal import Basics
internal import ContainerEngine
internal import Glibc
internal import LinuxKernel

/// `volume create`.
enum VolumeCreateCommand: Command {
  static let words = CommandWords("[OPTIONS] [VOLUME]", "Create a volume", .atMost(1))

  struct Options: CommandOptions {
    var request = VolumeRequest()
  }

  static var flags: [Flag<Options>] {
    [
      .text("driver", "d", "string", "Volume driver; there is one, \"local\"") {
        guard $1.isEmpty || $1 == "local" else {
          throw EngineError(.unsupported, "--driver \($1)", "the only driver of volumes here is local")
        }
        _ = $0
      },
      .list("label", nil, "list", "Set metadata for a volume") {
        $0.request.labels.append(try EnvironmentSyntax.pair($1))
      },
      .list("opt", "o", "map", "Set driver specific options: type, o, device") {
        $0.request.options.append(try EnvironmentSyntax.pair($1))
      },
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    var request = options.request
    request.name = operands.first.flatMap { $0.isEmpty ? nil : $0 }
    invocation.output.line(try invocation.engine().createVolume(request))
    return .success
  }
}

/// `volume ls`.
enum VolumeListCommand: Command {
  static let words = CommandWords("[OPTIONS]", "List volumes", .none)

  struct Options: CommandOptions {
    var quiet = false
    var output = FormatOptions()
    var filter = FilterOptions()
  }

  static var flags: [Flag<Options>] {
    [
      FilterOptions.flag(short: "f").on(\.filter),
      FormatOptions.listFlag.on(\.output),
      .toggle("quiet", "q", "Only display volume names") { $0.quiet = $1 },
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let format = try ListFormat(options.output.format)
    let filter = try VolumeFilter(options.filter)
    let rows = try invocation.engine().listVolumes().filter(filter.accepts)
    if options.quiet {
      for row in rows { invocation.output.line(row.name) }
      return .success
    }
    let printer = ListPrinter<VolumeSummary>(
      fields: [
        .init("Driver", "DRIVER") { _ in "local" },
        .init("Name", "VOLUME NAME") { $0.name },
        .init("Labels", "LABELS") { ListText.labels($0.labels) },
        .init("Links", "LINKS") { "\($0.users.count)" },
        .init("Mountpoint", "MOUNTPOINT") { $0.mountpoint },
        .init("Scope", "SCOPE") { _ in "local" },
        .init("Size", "SIZE") { _ in "N/A" },
        .init("CreatedAt", "CREATED AT") { ListText.local($0.created) },
      ], columns: ["Driver", "Name"])
    try printer.print(rows, as: format, to: invocation.output)
    return .success
  }
}

/// docker's filters of volumes.
struct VolumeFilter {
  private let filters: FilterOptions
  private let dangling: Bool?

  /// - Throws: `EngineError` for an unknown key or a value that cannot be.
  init(_ filters: FilterOptions, keys: [String] = ["dangling", "driver", "label", "label!", "name"]) throws(EngineError)
  {
    try filters.check(keys)
    self.filters = filters
    do throws(FlagValueError) { dangling = try filters.values("dangling").last.map(parseBool) } catch {
      throw EngineError(.usage, "reading a filter", error.reason, hint: error.hint)
    }
  }

  func accepts(_ volume: VolumeSummary) -> Bool {
    let (names, drivers) = (filters.values("name"), filters.values("driver"))
    return filters.accepts(labels: volume.labels)
      && (names.isEmpty || names.contains { FilterPattern($0).isFound(in: volume.name) })
      && (drivers.isEmpty || drivers.contains("local")) && (dangling.map { $0 == volume.users.isEmpty } ?? true)
  }
}

/// `volume inspect`.
enum VolumeInspectCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] VOLUME [VOLUME...]", "Display detailed information on one or more volumes", .atLeast(1),
    completion: .volumes)

  static var flags: [Flag<FormatOptions>] { [FormatOptions.objectFlag] }

  static func run(_ options: FormatOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return try ObjectPrinter(options.format).print(operands, invocation) { try engine.inspectVolume($0).inspection }
  }
}

/// `volume exists`: 0 or 1 and no word, for scripts.
enum VolumeExistsCommand: Command {
  static let words = CommandWords(
    "VOLUME", "Tell by the exit code whether a volume exists", .exactly(1), completion: .volumes)
  static let failureCode = ExitCode.engine

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    do {
      _ = try invocation.engine().inspectVolume(operands[0])
      return .success
    } catch let error as EngineError where error.kind == .notFound {
      return .failure
    }
  }
}

/// `volume rm`.
enum VolumeRemoveCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] VOLUME [VOLUME...]", "Remove one or more volumes", .atLeast(1), completion: .volumes)

  struct Options: CommandOptions {
    var force = false
  }

  static var flags: [Flag<Options>] {
    [.toggle("force", "f", "A volume that is not there is no failure") { $0.force = $1 }]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    var code = invocation.forEach(operands) { name in
      do { try engine.removeVolume(name) } catch let error as EngineError {
        guard options.force, error.kind == .notFound else { throw error }
      }
      invocation.output.line(name)
    }
    do { try engine.emptyTrash() } catch {
      invocation.report(error)
      code.worsen(to: .failure)
    }
    return code
  }
}

/// `volume prune`: anonymous volumes that nothing uses, with `--all` named ones as well.
enum VolumePruneCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Remove unused local volumes", .none)

  struct Options: CommandOptions {
    var all = false
    var dryRun = false
    var confirmation = ConfirmationOptions()
    var filter = FilterOptions()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("all", "a", "Remove all unused volumes, not just anonymous ones") { $0.all = $1 },
      .toggle("dry-run", nil, "Only show what would be removed") { $0.dryRun = $1 },
      FilterOptions.flag(short: nil).on(\.filter),
      ConfirmationOptions.flag.on(\.confirmation),
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    var filters = options.filter
    let all = try options.all || filters.values("all").last.map { try Self.bool($0) } ?? false
    filters.filters.removeAll { $0.key == "all" }
    let filter = try VolumeFilter(filters, keys: ["all", "label", "label!"])
    guard
      try options.dryRun
        || options.confirmation.agreed(
          "This will remove \(all ? "all" : "anonymous") local volumes not used by at least one container.",
          "removing unused volumes", invocation)
    else { return .success }
    let report = try invocation.engine().pruneVolumes(all: all, dryRun: options.dryRun, filter.accepts)
    return show(report, title: "Deleted Volumes:", dryRun: options.dryRun, invocation)
  }

  private static func bool(_ text: String) throws(EngineError) -> Bool {
    do { return try parseBool(text) } catch { throw EngineError(.usage, "", "invalid filter 'all=\(text)'") }
  }
}

/// `volume export`: what is in a volume as a tar archive.
enum VolumeExportCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] VOLUME", "Export a volume's files as a tar archive", .exactly(1), completion: .volumes)

  static var flags: [Flag<ArchiveOutputOptions>] { [ArchiveOutputOptions.flag] }

  static func run(_ options: ArchiveOutputOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    try options.write("exporting volume \(operands[0])") { try engine.exportVolume(operands[0], to: $0) }
    return .success
  }
}

/// `volume import`: the files of a tar archive into a volume that is there.
enum VolumeImportCommand: Command {
  static let words = CommandWords(
    "VOLUME [FILE|-]", "Import the files of a tar archive into a volume", .between(1, 2), completion: .volumes)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    guard operands.count == 2, operands[1] != "-" else {
      try engine.importVolume(operands[0], from: STDIN_FILENO)
      return .success
    }
    let file: OwnedDescriptor
    do throws(SystemError) { file = try File.open(operands[1], O_RDONLY) } catch {
      throw error.engineError("importing \(operands[1])")
    }
    try engine.importVolume(operands[0], from: file.raw)
    return .success
  }
}

/// `volume mount`: where a volume's files are; nothing has to be mounted for it.
enum VolumeMountCommand: Command {
  static let words = CommandWords(
    "VOLUME", "Print the directory that has a volume's files", .exactly(1), completion: .volumes)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let volume = try invocation.engine().inspectVolume(operands[0])
    guard volume.options.isEmpty else {
      throw EngineError(
        .unsupported, "mounting volume \(operands[0])", "its files are not in the store: it is mounted from elsewhere")
    }
    invocation.output.line(volume.mountpoint)
    return .success
  }
}

extension VolumeSummary {
  /// docker's `volume inspect`.
  var inspection: JSON {
    var object = JSONObject()
    object["CreatedAt"] = .string(created.rfc3339)
    object["Driver"] = "local"
    object["Labels"] = labels.isEmpty ? .null : JSON(labels)
    object["Mountpoint"] = .string(mountpoint)
    object["Name"] = .string(name)
    object["Options"] = options.isEmpty ? .null : JSON(options)
    object["Scope"] = "local"
    object["Anonymous"] = .bool(isAnonymous)
    return .object(object)
  }
}
