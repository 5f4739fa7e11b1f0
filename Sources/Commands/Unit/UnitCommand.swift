internal import Basics
internal import ContainerEngine
internal import Glibc
internal import LinuxKernel
internal import Storage

/// The flags of `unit` and `generate systemd`.
struct UnitOptions: CommandOptions {
  var choices = UnitFile.Choices()
  var writesFiles = false
  var asJSON = false

  static var flags: [Flag<UnitOptions>] { content + order }

  private static var content: [Flag<UnitOptions>] {
    [
      .list("env", "e", "list", "Set environment variables of the unit") {
        guard $1.contains("=") else { throw FlagValueError("must be NAME=value") }
        $0.choices.environment.append($1)
      },
      .toggle("files", "f", "Write the unit into the current directory instead of printing it") { $0.writesFiles = $1 },
      .text("format", nil, "string", "Print in another form (json)") {
        guard $1 == "json" else { throw FlagValueError("only json is a format here") }
        $0.asJSON = true
      }.completed(by: .words(["json"])),
      .toggle("new", nil, "Make a new container at each start, with the flags of this one") {
        $0.choices.makesNew = $1
      },
      .toggle("no-header", nil, "Leave out the comment at the top") { $0.choices.hasHeader = !$1 },
      .text("restart-policy", nil, "string", "When systemd starts it again") {
        guard policies.contains($1) else { throw FlagValueError("must be one of \(policies.joined(separator: ", "))") }
        $0.choices.restartPolicy = $1
      }.defaulting(to: "\"on-failure\"").completed(by: .words(policies)),
      seconds("restart-sec", "Seconds before it is started again") { $0.choices.restartSeconds = $1 },
      seconds("start-timeout", "Seconds that a start may take") { $0.choices.startTimeout = $1 },
      seconds("stop-timeout", "Seconds before a stop kills the program") { $0.choices.stopTimeout = $1 }
        .alsoNamed("time"),
      .toggle("template", nil, "Write a template unit, with --new") { $0.choices.isTemplate = $1 },
    ]
  }

  private static var order: [Flag<UnitOptions>] {
    [
      .list("after", nil, "list", "Units that this one is started after") { $0.choices.after += words($1) },
      .list("requires", nil, "list", "Units without which this one does not run") { $0.choices.requires += words($1) },
      .list("wants", nil, "list", "Units that are started along") { $0.choices.wants += words($1) },
      .text("container-prefix", nil, "string", "What the name of the unit begins with") { $0.choices.prefix = $1 }
        .defaulting(to: "\"container\""),
      .text("separator", nil, "string", "What stands between prefix and name") { $0.choices.separator = $1 }
        .defaulting(to: "\"-\""),
      .refused("pod-prefix", nil, "string", because: "pods are not in this version yet"),
    ]
  }

  private static let policies = ["no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always"]

  private static func seconds(
    _ name: String, _ help: String, _ set: @escaping (inout UnitOptions, Int64) -> Void
  ) -> Flag<UnitOptions> {
    .integer(name, nil, "seconds", help) {
      guard (0...Int64(Int32.max)).contains($1) else { throw FlagValueError("the time is out of range") }
      set(&$0, $1)
    }
  }

  private static func words(_ text: String) -> [String] { text.split(separator: ",").map(String.init) }
}

/// `unit`: a unit of systemd for a container, as one would write it by hand.
enum UnitCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER", "Print a unit of systemd that runs a container", .exactly(1), completion: .containers)

  static var flags: [Flag<UnitOptions>] { UnitOptions.flags }

  static func run(_ options: UnitOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let doing = "writing a unit for \(safeText(operands[0]))"
    if options.choices.isTemplate, !options.choices.makesNew {
      throw EngineError(.usage, "", "--template can only be set with --new")
    }
    let engine = try invocation.engine()
    let record = try engine.containerRecord(operands[0], doing: doing)
    let unit = UnitFile(
      record: record, choices: options.choices, program: try program(invocation.globals), isRoot: !engine.isRootless,
      root: engine.directory.location.root)
    let text = try unit.text(doing: doing)
    if options.writesFiles {
      let path = try LocalFile.absolute(unit.name + ".service")
      let file = try File.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode: 0o644)
      try File.writeAll(file.raw, Array(text.utf8), shown: path)
      if options.asJSON { printJSON(unit.name, path, invocation) } else { invocation.output.line(path) }
    } else if options.asJSON {
      printJSON(unit.name, text, invocation)
    } else {
      invocation.output.write(text)
    }
    return .success
  }

  private static func printJSON(_ name: String, _ value: String, _ invocation: Invocation) {
    var builder = JSONBuilder()
    builder.set(name, value)
    invocation.output.line(builder.json.text(indent: 4))
  }

  /// This very program with the store it works on.
  static func program(_ globals: GlobalOptions) throws -> [String] {
    var words = [try File.readLink("/proc/self/exe")]
    if let root = globals.root { words += ["--root", try LocalFile.absolute(root)] }
    if let runRoot = globals.runRoot { words += ["--runroot", try LocalFile.absolute(runRoot)] }
    return words
  }
}

/// `generate systemd`: podman's words for `unit`, which name a container by its id unless told otherwise.
enum GenerateSystemdCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER", "Print a unit of systemd that runs a container", .exactly(1), completion: .containers)

  struct Options: CommandOptions {
    var names = false
    var unit = UnitOptions()
  }

  static var flags: [Flag<Options>] {
    [.toggle("name", "n", "Name the container in the unit, not its id") { $0.names = $1 }]
      + UnitOptions.flags.map { $0.on(\.unit) }
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    var unit = options.unit
    unit.choices.usesName = options.names
    return try UnitCommand.run(unit, operands, invocation)
  }
}
