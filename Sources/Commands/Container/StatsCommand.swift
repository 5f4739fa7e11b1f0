internal import Basics
internal import ContainerEngine
internal import Glibc
internal import Runtime

/// `stats`: what containers use, once or again and again.
enum StatsCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] [CONTAINER...]", "Display a live stream of container(s) resource usage statistics", .atLeast(0),
    completion: .runningContainers)

  struct Options: CommandOptions {
    var all = false
    var isOnce = false
    var noTruncation = false
    var output = FormatOptions()
  }

  static var flags: [Flag<Options>] {
    [
      .toggle("all", "a", "Show all containers (default shows just running)") { $0.all = $1 },
      FormatOptions.listFlag.on(\.output),
      .toggle("no-stream", nil, "Disable streaming stats and only pull the first result") { $0.isOnce = $1 },
      .toggle("no-trunc", nil, "Do not truncate output") { $0.noTruncation = $1 },
    ]
  }

  /// Microseconds between two looks, whose difference is the use of the processors.
  private static let pause: UInt32 = 1_000_000

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let format = try ListFormat(options.output.format)
    let engine = try invocation.engine()
    let printer = printer(truncates: !options.noTruncation)
    var before = try engine.containerStatistics(operands, all: options.all)
    while true {
      usleep(pause)
      let now = try engine.containerStatistics(operands, all: options.all)
      let rows = now.map { sample in Row(sample, before: before.first { $0.id == sample.id }) }
      // From the top of the screen again, as docker does.
      if !options.isOnce, format.isTable { invocation.output.write("\u{1B}[2J\u{1B}[H") }
      try printer.print(rows, as: format, to: invocation.output)
      try invocation.output.flush()
      if options.isOnce { return .success }
      before = now
    }
  }

  private struct Row {
    let statistics: ContainerStatistics
    let cpu: Double?

    init(_ statistics: ContainerStatistics, before: ContainerStatistics?) {
      self.statistics = statistics
      guard let now = statistics.usage, let then = before?.usage, let used = now.cpu, let usedBefore = then.cpu,
        now.moment > then.moment
      else {
        cpu = nil
        return
      }
      // Without a cgroup the time of processes that have ended is gone.
      cpu = max(0, Double(used - usedBefore)) * 100 / Double(now.moment - then.moment)
    }

    var memoryShare: Double? {
      guard let used = statistics.usage?.memory, let limit = statistics.usage?.memoryLimit, limit > 0 else {
        return nil
      }
      return Double(used) * 100 / Double(limit)
    }
  }

  private static func printer(truncates: Bool) -> ListPrinter<Row> {
    func id(_ row: Row) -> String { truncates ? Identifier.short(row.statistics.id) : row.statistics.id }
    return ListPrinter(
      fields: [
        .init("Container", "CONTAINER", id),
        .init("ID", "CONTAINER ID", id),
        .init("Name", "NAME") { $0.statistics.name },
        .init("CPUPerc", "CPU %") { percent($0.cpu) },
        .init("MemUsage", "MEM USAGE / LIMIT") {
          pair($0.statistics.usage?.memory, $0.statistics.usage?.memoryLimit, ByteCount.binaryText)
        },
        .init("MemPerc", "MEM %") { percent($0.memoryShare) },
        .init("NetIO", "NET I/O") {
          pair($0.statistics.usage?.received, $0.statistics.usage?.sent) { ByteCount.decimalText($0, digits: 3) }
        },
        .init("BlockIO", "BLOCK I/O") {
          pair($0.statistics.usage?.blockRead, $0.statistics.usage?.blockWritten) {
            ByteCount.decimalText($0, digits: 3)
          }
        },
        .init("PIDs", "PIDS") { $0.statistics.usage?.processes.map(String.init) ?? "--" },
      ], columns: ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"])
  }

  private static func pair(_ one: Int64?, _ other: Int64?, _ text: (Int64) -> String) -> String {
    "\(one.map(text) ?? "--") / \(other.map(text) ?? "--")"
  }

  private static func percent(_ value: Double?) -> String {
    guard let value else { return "--" }
    let hundredths = Int64((value * 100).rounded())
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)%"
  }
}
