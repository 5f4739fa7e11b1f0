internal import Basics
internal import ContainerEngine
internal import Glibc
internal import Runtime

/// `top`: the processes of a container.
enum TopCommand: Command {
  static let words = CommandWords(
    "CONTAINER [ps OPTIONS]", "Display the running processes of a container", .atLeast(1), interspersed: false,
    completion: .runningContainers)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    let psOptions = Array(operands.dropFirst())
    guard psOptions.isEmpty || psOptions == ["-ef"] else {
      for line in try engine.containerProcesses(operands[0], psOptions: psOptions) {
        invocation.output.line(safeText(line))
      }
      return .success
    }
    let names = UserNames()
    let clock = ProcessClock()
    let rows = try engine.containerProcesses(operands[0]).map { process in
      [
        names.name(of: process.uid), "\(process.pid)", "\(process.parent)", clock.share(process), clock.start(process),
        terminal(process.terminal), clock.time(process), safeText(process.command),
      ]
    }
    invocation.output.write(
      Table.text(header: ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"], rows: rows))
    return .success
  }

  /// tty_nr of proc(5): minor in bits 31 to 20 and 7 to 0, major in bits 15 to 8; majors 136 to 143 are ptys.
  private static func terminal(_ number: Int32) -> String {
    let value = UInt32(bitPattern: number)
    let major = (value >> 8) & 0xFF
    let minor = (value & 0xFF) | ((value >> 12) & 0xFFF00)
    switch major {
    case 0: return "?"
    case 136...143: return "pts/\((major - 136) * 256 + minor)"
    case 4: return "tty\(minor)"
    default: return "\(major):\(minor)"
    }
  }
}

/// User names of the host; a static program loads no name service modules.
private final class UserNames {
  private var known: [UInt32: String] = [:]

  init() {
    // Without the file numbers are shown.
    let lines = (try? LocalFile.read("/etc/passwd", limit: 16 << 20, doing: "reading the users")) ?? []
    for line in lines.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      guard fields.count > 2, let uid = UInt32(String(decoding: fields[2], as: UTF8.self)), known[uid] == nil else {
        continue
      }
      known[uid] = String(decoding: fields[0], as: UTF8.self)
    }
  }

  func name(of uid: UInt32) -> String { known[uid] ?? "\(uid)" }
}

/// Times of processes in the forms of ps(1).
private struct ProcessClock {
  private let ticks = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
  private let uptime: Double
  private let now: Int

  init() {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    uptime = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    now = Glibc.time(nil)
  }

  private func age(_ process: ContainerProcesses.Process) -> Double { max(0, uptime - Double(process.start) / ticks) }

  /// Percent of one processor over its life.
  func share(_ process: ContainerProcesses.Process) -> String {
    let age = age(process)
    return age < 1 ? "0" : "\(min(99, Int(Double(process.ticks) / ticks * 100 / age)))"
  }

  func start(_ process: ContainerProcesses.Process) -> String {
    let age = age(process)
    var moment = now - Int(age)
    var parts = tm()
    guard localtime_r(&moment, &parts) != nil else { return "-" }
    var buffer = [CChar](repeating: 0, count: 32)
    let count = strftime(&buffer, buffer.count, age < 86_400 ? "%H:%M" : age < 31_536_000 ? "%b%d" : "%Y", &parts)
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  func time(_ process: ContainerProcesses.Process) -> String {
    let seconds = Int(Double(process.ticks) / ticks)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
  }
}
