internal import OCI

/// A value for one file of a cgroup.
struct CgroupSetting: Equatable {
  var controller: String
  var file: String
  var value: String
  /// The flag that asked for it, for warnings and errors; nil for what only follows from another.
  var option: String?
  /// Kernels without the file are passed over when nobody asked for it by name.
  var isOptional = false
  /// Other names of the file, tried first.
  var preferredFile: String?
}

extension RuntimeSpec.Resources {
  /// The files of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst), in the order in which they must be written.
  var unifiedSettings: [CgroupSetting] {
    var result: [CgroupSetting] = []
    func text(_ bytes: Int64) -> String { bytes < 0 ? "max" : "\(bytes)" }
    if let limit = memory.limit {
      result.append(.init(controller: "memory", file: "memory.max", value: text(limit), option: "--memory"))
    }
    if let total = memory.swap, let limit = memory.limit {
      // Docker's number is memory and swap together, the kernel's is swap alone.
      let swap = total < 0 || limit < 0 ? -1 : total - limit
      result.append(
        .init(
          controller: "memory", file: "memory.swap.max", value: text(swap), option: swapOption,
          isOptional: swapOption == nil))
    }
    if let reservation = memory.reservation {
      result.append(
        .init(controller: "memory", file: "memory.low", value: text(reservation), option: "--memory-reservation"))
    }
    if let shares = cpu.shares, shares > 0 {
      // 2…262144 to 1…10000, as runc and crun do it.
      let weight = 1 + ((min(max(shares, 2), 262_144) - 2) * 9999) / 262_142
      result.append(.init(controller: "cpu", file: "cpu.weight", value: "\(weight)", option: "--cpu-shares"))
    }
    if cpu.quota != nil || cpu.period != nil {
      let quota = cpu.quota.map { $0 <= 0 ? "max" : "\($0)" } ?? "max"
      result.append(
        .init(controller: "cpu", file: "cpu.max", value: "\(quota) \(cpu.period ?? 100_000)", option: quotaOption))
    }
    result += cpusetSettings
    if let limit = pidsLimit, limit != 0 {
      result.append(.init(controller: "pids", file: "pids.max", value: text(limit), option: "--pids-limit"))
    }
    if let weight = blockIO.weight, weight > 0 {
      // 10…1000 to 1…10000; the scheduler BFQ takes docker's number as it is.
      result.append(
        .init(
          controller: "io", file: "io.weight", value: "default \(1 + (weight - 10) * 9999 / 990)",
          option: "--blkio-weight", preferredFile: "io.bfq.weight"))
    }
    result += throttles(unified: true)
    for (file, value) in unified.sorted(by: { $0.key < $1.key }) {
      let controller = file.split(separator: ".").first.map(String.init) ?? file
      result.append(.init(controller: controller, file: file, value: value, option: "--cgroup-conf"))
    }
    return result
  }

  /// The files of cgroup v1, in the order in which they must be written.
  var controllerSettings: [CgroupSetting] {
    var result: [CgroupSetting] = []
    if let limit = memory.limit {
      result.append(
        .init(controller: "memory", file: "memory.limit_in_bytes", value: "\(limit)", option: "--memory"))
    }
    if let swap = memory.swap, memory.limit != nil {
      result.append(
        .init(
          controller: "memory", file: "memory.memsw.limit_in_bytes", value: "\(swap)", option: swapOption,
          isOptional: swapOption == nil))
    }
    if let reservation = memory.reservation {
      result.append(
        .init(
          controller: "memory", file: "memory.soft_limit_in_bytes", value: "\(reservation)",
          option: "--memory-reservation"))
    }
    if let shares = cpu.shares, shares > 0 {
      result.append(.init(controller: "cpu", file: "cpu.shares", value: "\(shares)", option: "--cpu-shares"))
    }
    if let period = cpu.period {
      result.append(
        .init(controller: "cpu", file: "cpu.cfs_period_us", value: "\(period)", option: quotaOption))
    }
    if let quota = cpu.quota {
      result.append(
        .init(controller: "cpu", file: "cpu.cfs_quota_us", value: "\(quota <= 0 ? -1 : quota)", option: quotaOption))
    }
    result += cpusetSettings
    if let limit = pidsLimit, limit != 0 {
      result.append(
        .init(controller: "pids", file: "pids.max", value: limit < 0 ? "max" : "\(limit)", option: "--pids-limit"))
    }
    if let weight = blockIO.weight, weight > 0 {
      result.append(
        .init(
          controller: "blkio", file: "blkio.weight", value: "\(weight)", option: "--blkio-weight",
          preferredFile: "blkio.bfq.weight"))
    }
    return result + throttles(unified: false)
  }

  /// The rules of the devices controller of cgroup v1; none when every device is allowed.
  var deviceSettings: [CgroupSetting] {
    guard devices.contains(where: { !$0.allow }) else { return [] }
    return devices.map { rule in
      let everything = rule.type == nil && rule.major == nil && rule.minor == nil
      let number = { (value: Int64?) in value.map { "\($0)" } ?? "*" }
      return .init(
        controller: "devices", file: rule.allow ? "devices.allow" : "devices.deny",
        value: everything ? "a" : "\(rule.type ?? "a") \(number(rule.major)):\(number(rule.minor)) \(rule.access)")
    }
  }

  private var cpusetSettings: [CgroupSetting] {
    var result: [CgroupSetting] = []
    if let mems = cpu.mems, !mems.isEmpty {
      result.append(.init(controller: "cpuset", file: "cpuset.mems", value: mems, option: "--cpuset-mems"))
    }
    if let cpus = cpu.cpus, !cpus.isEmpty {
      result.append(.init(controller: "cpuset", file: "cpuset.cpus", value: cpus, option: "--cpuset-cpus"))
    }
    return result
  }

  private func throttles(unified: Bool) -> [CgroupSetting] {
    let kinds: [([RuntimeSpec.Throttle], String, String, String)] = [
      (blockIO.throttleReadBps, "rbps", "blkio.throttle.read_bps_device", "--device-read-bps"),
      (blockIO.throttleWriteBps, "wbps", "blkio.throttle.write_bps_device", "--device-write-bps"),
      (blockIO.throttleReadIOPS, "riops", "blkio.throttle.read_iops_device", "--device-read-iops"),
      (blockIO.throttleWriteIOPS, "wiops", "blkio.throttle.write_iops_device", "--device-write-iops"),
    ]
    return kinds.flatMap { (rules, key, file, option) in
      rules.map { rule in
        unified
          ? CgroupSetting(
            controller: "io", file: "io.max", value: "\(rule.major):\(rule.minor) \(key)=\(rule.rate)", option: option)
          : CgroupSetting(
            controller: "blkio", file: file, value: "\(rule.major):\(rule.minor) \(rule.rate)", option: option)
      }
    }
  }

  /// nil when the swap limit is only docker's default of twice the memory.
  private var swapOption: String? {
    guard let swap = memory.swap, let limit = memory.limit,
      swap != limit.multipliedReportingOverflow(by: 2).partialValue
    else { return nil }
    return "--memory-swap"
  }

  /// `--cpus` is a quota of the default period.
  private var quotaOption: String {
    cpu.period == 100_000 ? "--cpus" : cpu.quota == nil ? "--cpu-period" : "--cpu-quota"
  }
}
