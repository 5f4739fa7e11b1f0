internal import Basics
internal import Storage

/// Values of limits and devices.
enum ResourceSyntax {
  /// The names of setrlimit(2) that docker knows.
  private static let ulimitNames = [
    "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime",
    "sigpending", "stack",
  ]

  /// `NAME=SOFT[:HARD]`, -1 is unlimited.
  static func ulimit(_ text: String) throws(FlagValueError) -> Ulimit {
    let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts[1].isEmpty else { throw FlagValueError("invalid ulimit argument: \(text)") }
    guard ulimitNames.contains(parts[0]) else { throw FlagValueError("invalid ulimit type: \(parts[0])") }
    let values = parts[1].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard values.count <= 2 else {
      throw FlagValueError("too many limit value arguments - \(parts[1]), can only have up to two, `soft[:hard]`")
    }
    var numbers: [Int64] = []
    for value in values {
      let isNumber = !value.isEmpty && value.utf8.allSatisfy { (0x30...0x39).contains($0) }
      guard isNumber || value == "-1", let number = Int64(value) else {
        throw FlagValueError("invalid ulimit argument: \(text)")
      }
      numbers.append(number)
    }
    let soft = numbers[0]
    let hard = numbers.count == 2 ? numbers[1] : soft
    guard hard == -1 || (soft != -1 && soft <= hard) else {
      throw FlagValueError("ulimit soft limit must be less than or equal to hard limit: \(soft) > \(hard)")
    }
    return Ulimit(name: parts[0], soft: soft, hard: hard)
  }

  /// `HOST[:CONTAINER][:PERMISSIONS]`.
  static func device(_ text: String) throws -> DeviceRequest {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    if !text.hasPrefix("/"), text.contains("/"), text.contains("=") {
      throw EngineError(.unsupported, "--device \(text)", "CDI devices are not in this version yet")
    }
    guard (1...3).contains(parts.count), parts[0].hasPrefix("/") else {
      throw FlagValueError("\(text) is not an absolute path")
    }
    var device = DeviceRequest(host: parts[0], container: parts[0], permissions: "rwm")
    switch parts.count {
    case 2 where isDeviceMode(parts[1]): device.permissions = parts[1]
    case 2: device.container = parts[1]
    case 3:
      guard isDeviceMode(parts[2]) else { throw FlagValueError("bad mode specified: \(parts[2])") }
      device.container = parts[1].isEmpty ? parts[0] : parts[1]
      device.permissions = parts[2]
    default: break
    }
    guard device.container.hasPrefix("/") else { throw FlagValueError("\(device.container) is not an absolute path") }
    device.container = LocalFile.cleaned(device.container)
    return device
  }

  private static func isDeviceMode(_ text: String) -> Bool {
    !text.isEmpty && Set(text).count == text.count && text.allSatisfy { "rwm".contains($0) }
  }

  /// `--cpus` in billionths.
  static func cpus(_ text: String) throws(FlagValueError) -> Int64 {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let digits = parts.joined()
    guard (1...2).contains(parts.count), !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let whole = Int64(parts[0].isEmpty ? "0" : parts[0]), whole < 1_000_000
    else { throw FlagValueError("failed to parse \(text) as a rational number") }
    let fraction = parts.count == 2 ? parts[1] : ""
    guard fraction.dropFirst(9).allSatisfy({ $0 == "0" }) else { throw FlagValueError("value is too precise") }
    let nanos = Int64((fraction + "000000000").prefix(9)) ?? 0
    return whole * 1_000_000_000 + nanos
  }

  /// `--memory-swap`: a size, or -1 for no limit.
  static func swap(_ text: String) throws(FlagValueError) -> Int64 { text == "-1" ? -1 : try parseBytes(text) }

  /// `--cpuset-cpus`: `0-3,5`.
  static func cpuset(_ text: String, kind: String) throws(FlagValueError) -> String {
    for range in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = range.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
      guard ends.count <= 2, let first = ends.first.flatMap({ $0 }), let last = ends.last.flatMap({ $0 }), first <= last
      else { throw FlagValueError("Invalid value \(text) for \(kind)") }
    }
    return text
  }

  /// docker's checks of limits against each other.
  static func check(_ limits: ResourceLimits) throws(EngineError) {
    func refused(_ reason: String) -> EngineError { EngineError(.usage, "", reason) }
    let memory = limits.memory ?? 0
    if memory > 0, memory < 6 << 20 { throw refused("Minimum memory limit allowed is 6MB") }
    if let swap = limits.memorySwap, swap > 0 {
      if memory == 0 { throw refused("You should always set the Memory limit when using Memoryswap limit, see usage") }
      if swap < memory { throw refused("Minimum memoryswap limit should be larger than memory limit, see usage") }
    }
    if let reservation = limits.memoryReservation, reservation > 0 {
      if reservation < 6 << 20 { throw refused("Minimum memory reservation allowed is 6MB") }
      if memory > 0, memory < reservation {
        throw refused("Minimum memory limit can not be less than memory reservation limit, see usage")
      }
    }
    if limits.nanoCPUs ?? 0 > 0 {
      if limits.cpuPeriod != nil { throw refused("Conflicting options: Nano CPUs and CPU Period cannot both be set") }
      if limits.cpuQuota != nil { throw refused("Conflicting options: Nano CPUs and CPU Quota cannot both be set") }
    }
    if let period = limits.cpuPeriod, period != 0, !(1000...1_000_000).contains(period) {
      throw refused("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    }
    if let quota = limits.cpuQuota, quota > 0, quota < 1000 {
      throw refused("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    }
  }
}
