package import Basics
internal import LinuxKernel
internal import Runtime
package import Storage

extension Engine {
  /// Changes limits of a container, in the kernel when it runs and for its next starts, and its restart policy, which its
  /// monitor looks up when its program has ended.
  /// - Throws: `unsupported` when it runs and has no cgroup, or a controller is missing; nothing is changed then.
  package func updateContainer(_ name: String, _ changes: ResourceLimits, restart: RestartPolicy? = nil)
    throws(EngineError)
  {
    let doing = "updating \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    let lock = try containers.lock(id, doing: doing)
    defer { withExtendedLifetime(lock) {} }
    guard var record = try containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(name))")
    }
    let limits = try Self.merged(record.settings.resources, changes, doing: doing)
    if restart != nil, record.settings.autoRemove {
      throw EngineError(
        .invalidInput, doing, "Restart policy cannot be updated because AutoRemove is enabled for the container")
    }
    if !changes.isEmpty, case .running(let state) = try containers.status(of: id) {
      try CgroupPlacement(record: state.cgroup).apply(limits, changing: changes, doing: doing)
    }
    record.settings.resources = limits
    if let restart { record.settings.restart = restart }
    try containers.rewrite(record)
    note("update", record)
  }

  static func merged(
    _ old: ResourceLimits, _ new: ResourceLimits, doing: String
  ) throws(EngineError) -> ResourceLimits {
    var limits = old
    limits.memory = new.memory ?? old.memory
    limits.memoryReservation = new.memoryReservation ?? old.memoryReservation
    limits.memorySwap = new.memorySwap ?? old.memorySwap
    limits.cpuShares = new.cpuShares ?? old.cpuShares
    limits.cpusetCPUs = new.cpusetCPUs ?? old.cpusetCPUs
    limits.cpusetMems = new.cpusetMems ?? old.cpusetMems
    limits.pidsLimit = new.pidsLimit ?? old.pidsLimit
    limits.blkioWeight = new.blkioWeight ?? old.blkioWeight
    // Two ways to say the same: the one that is said now counts.
    if let cpus = new.nanoCPUs {
      (limits.nanoCPUs, limits.cpuPeriod, limits.cpuQuota) = (cpus, nil, nil)
    } else if new.cpuPeriod != nil || new.cpuQuota != nil {
      if old.nanoCPUs != nil {
        throw EngineError(
          .invalidInput, doing, "CPU quota or period cannot be updated as NanoCPUs has already been set",
          hint: "use --cpus")
      }
      limits.cpuPeriod = new.cpuPeriod ?? old.cpuPeriod
      limits.cpuQuota = new.cpuQuota ?? old.cpuQuota
    }
    if let memory = limits.memory, let total = limits.memorySwap, total >= 0, total < memory {
      throw EngineError(
        .invalidInput, doing,
        "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
        hint: "--memory-swap \(memory * 2)")
    }
    return limits
  }
}
