internal import Basics
internal import ContainerEngine
internal import Storage

/// `system df`: what takes room, in figures that du(1) confirms.
enum DfCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Show disk usage", .none)

  struct Options: CommandOptions {
    var verbose = false
    var output = FormatOptions()
  }

  static var flags: [Flag<Options>] {
    [
      FormatOptions.listFlag.on(\.output),
      .toggle("verbose", "v", "Show detailed information on space usage") { $0.verbose = $1 },
    ]
  }

  private struct Row {
    var type: String
    var total: Int
    var active: Int
    var size: Int64
    var reclaimable: Int64
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    if options.verbose, options.output.format != nil {
      throw EngineError(.usage, "showing disk usage", "the verbose and the format options conflict")
    }
    let format = try ListFormat(options.output.format)
    let usage = try invocation.engine().diskUsage()
    if options.verbose {
      writeDetails(usage, invocation.output)
      return .success
    }
    let inactive = usage.containers.filter { !$0.isActive }
    var rows = [
      Row(
        type: "Images", total: usage.images.count, active: usage.images.count { $0.containers > 0 },
        size: usage.imageBytes, reclaimable: usage.reclaimableImageBytes),
      Row(
        type: "Containers", total: usage.containers.count, active: usage.containers.count - inactive.count,
        size: usage.containers.reduce(0) { $0 + $1.size }, reclaimable: inactive.reduce(0) { $0 + $1.size }),
      Row(
        type: "Local Volumes", total: usage.volumes.count, active: usage.volumes.count { $0.links > 0 },
        size: usage.volumes.reduce(0) { $0 + $1.size },
        reclaimable: usage.volumes.filter { $0.links == 0 }.reduce(0) { $0 + $1.size }),
      Row(type: "Build Cache", total: 0, active: 0, size: 0, reclaimable: 0),
    ]
    if usage.snapshots > 0 {
      rows.append(Row(type: "Snapshots", total: 0, active: 0, size: usage.snapshots, reclaimable: 0))
    }
    try printer.print(rows, as: format, to: invocation.output)
    return .success
  }

  private static var printer: ListPrinter<Row> {
    ListPrinter(
      fields: [
        .init("Type", "TYPE") { $0.type },
        .init("TotalCount", "TOTAL") { "\($0.total)" },
        .init("Active", "ACTIVE") { "\($0.active)" },
        .init("Size", "SIZE") { ByteCount.decimalText($0.size) },
        .init("Reclaimable", "RECLAIMABLE") { row in
          let text = ByteCount.decimalText(row.reclaimable)
          return row.size > 0 ? "\(text) (\(row.reclaimable * 100 / row.size)%)" : text
        },
      ], columns: ["Type", "TotalCount", "Active", "Size", "Reclaimable"])
  }

  private static func writeDetails(_ usage: DiskUsage, _ output: Output) {
    let now = Timestamp.now
    var rows: [[String]] = []
    for image in usage.images {
      let names = image.tags.isEmpty ? ["<none>:<none>"] : image.tags
      for name in names {
        let colon = name.lastIndex(of: ":") ?? name.endIndex
        rows.append(
          [
            String(name[..<colon]), String(name[colon...].dropFirst()), ListText.shortID(image.id),
            HumanDuration.ago(image.created, now: now), ByteCount.decimalText(image.size),
            ByteCount.decimalText(image.shared), ByteCount.decimalText(image.unique), "\(image.containers)",
          ].map { safeText($0) })
      }
    }
    output.write("Images space usage:\n\n")
    output.write(
      Table.text(
        header: ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"],
        rows: rows))
    output.write("\nContainers space usage:\n\n")
    output.write(
      Table.text(
        header: ["CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES"],
        rows: usage.containers.map { container in
          [
            Identifier.short(container.summary.id), container.summary.image,
            ContainerRow.command(container.summary.command, true),
            "\(container.summary.mounts.count { $0.kind == .volume })", ByteCount.decimalText(container.size),
            HumanDuration.ago(container.summary.created, now: now), ContainerRow.status(container.summary.state, now),
            container.summary.name,
          ].map { safeText($0) }
        }))
    output.write("\nLocal Volumes space usage:\n\n")
    output.write(
      Table.text(
        header: ["VOLUME NAME", "LINKS", "SIZE"],
        rows: usage.volumes.map { [$0.name, "\($0.links)", ByteCount.decimalText($0.size)].map { safeText($0) } }))
    output.write("\nBuild cache usage: 0B\n")
  }
}
