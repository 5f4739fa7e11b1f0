internal import Basics
internal import ContainerEngine

/// `info`: the engine, its store and this host, in docker's layout.
enum InfoCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Display system-wide information", .none)

  struct Options: CommandOptions {
    var output = FormatOptions()
  }

  static var flags: [Flag<Options>] { [FormatOptions.objectFlag.on(\.output)] }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let facts = try invocation.engine().information()
    switch options.output.format {
    case nil, "": show(facts, invocation)
    case "json": invocation.output.line(facts.text(htmlSafe: true))
    case let source?: invocation.output.line(safeLines(try GoTemplate.ofObject(source).render(facts)))
    }
    return .success
  }

  private static func show(_ facts: JSON, _ invocation: Invocation) {
    var text = "Client:\n Version:    \(ProductVersion.text)\n Context:    default\n\nServer:\n"
    func line(_ title: String, _ name: String, _ shown: (JSON) -> String? = { plain($0) }) {
      if let fact = facts[name], let value = shown(fact), !value.isEmpty { text += " \(title): \(safeText(value))\n" }
    }
    line("Containers", "Containers")
    line(" Running", "ContainersRunning")
    line(" Paused", "ContainersPaused")
    line(" Stopped", "ContainersStopped")
    line("Images", "Images")
    line("Server Version", "ServerVersion")
    line("Storage Driver", "Driver")
    for pair in facts["DriverStatus"]?.arrayValue ?? [] {
      let words = pair.arrayValue?.compactMap(\.stringValue) ?? []
      if words.count == 2 { text += "  \(safeText(words[0])): \(safeText(words[1]))\n" }
    }
    line("Logging Driver", "LoggingDriver")
    line("Cgroup Driver", "CgroupDriver")
    line("Cgroup Version", "CgroupVersion")
    line("Runtimes", "Runtimes") { $0.objectValue?.members.map(\.name).joined(separator: " ") }
    line("Default Runtime", "DefaultRuntime")
    line("Init Binary", "InitBinary")
    let security = facts["SecurityOptions"]?.arrayValue?.compactMap(\.stringValue) ?? []
    if !security.isEmpty {
      text += " Security Options:\n" + security.map { "  \(safeText($0.replacing("name=", with: "")))\n" }.joined()
    }
    line("Kernel Version", "KernelVersion")
    line("Operating System", "OperatingSystem")
    line("OSType", "OSType")
    line("Architecture", "Architecture")
    line("CPUs", "NCPU")
    line("Total Memory", "MemTotal") { $0.integerValue.map { ByteCount.binaryText($0) } }
    line("Name", "Name")
    line("ID", "ID")
    line("Docker Root Dir", "DockerRootDir")
    line("Runtime Dir", "RunRoot")
    text += " Debug Mode: \(invocation.globals.debug)\n"
    let labels = facts["Labels"]?.arrayValue?.compactMap(\.stringValue) ?? []
    if !labels.isEmpty { text += " Labels:\n" + labels.map { "  \(safeText($0))\n" }.joined() }
    invocation.output.write(text)
    for warning in facts["Warnings"]?.arrayValue?.compactMap(\.stringValue) ?? [] {
      invocation.errors.line(safeText(warning.hasPrefix("WARNING: ") ? warning : "WARNING: " + warning))
    }
  }

  private static func plain(_ value: JSON) -> String? {
    switch value {
    case .null, .array, .object: nil
    default: goText(TemplateValue(value))
    }
  }
}
