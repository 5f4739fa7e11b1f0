internal import Basics
internal import Storage

extension ContainerFlags {
  /// Limits and the cgroup.
  static var resources: [Flag<ContainerOptions>] { limits + cgroup }

  private static var limits: [Flag<ContainerOptions>] {
    [
      .unsigned("blkio-weight", nil, "uint16", "Block IO (relative weight), between 10 and 1000, or 0 to disable") {
        guard $1 == 0 || (10...1000).contains($1) else {
          throw FlagValueError("Range of blkio weight is from 10 to 1000")
        }
        $0.settings.resources.blkioWeight = $1 == 0 ? nil : Int64($1)
      },
      .integer("cpu-period", nil, "int", "Limit CPU CFS (Completely Fair Scheduler) period") {
        $0.settings.resources.cpuPeriod = $1 == 0 ? nil : $1
      },
      .integer("cpu-quota", nil, "int", "Limit CPU CFS (Completely Fair Scheduler) quota") {
        $0.settings.resources.cpuQuota = $1 == 0 ? nil : $1
      },
      .integer("cpu-shares", "c", "int", "CPU shares (relative weight)") {
        guard $1 >= 0 else { throw FlagValueError("invalid CPU shares (\($1)): value must be a positive integer") }
        $0.settings.resources.cpuShares = $1 == 0 ? nil : $1
      },
      .text("cpus", nil, "decimal", "Number of CPUs") {
        let cpus = try ResourceSyntax.cpus($1)
        $0.settings.resources.nanoCPUs = cpus == 0 ? nil : cpus
      },
      .text("cpuset-cpus", nil, "string", "CPUs in which to allow execution (0-3, 0,1)") {
        $0.settings.resources.cpusetCPUs = $1.isEmpty ? nil : try ResourceSyntax.cpuset($1, kind: "cpuset cpus")
      },
      .text("cpuset-mems", nil, "string", "MEMs in which to allow execution (0-3, 0,1)") {
        $0.settings.resources.cpusetMems = $1.isEmpty ? nil : try ResourceSyntax.cpuset($1, kind: "cpuset mems")
      },
      .bytes("memory", "m", "Memory limit") { $0.settings.resources.memory = $1 == 0 ? nil : $1 },
      .bytes("memory-reservation", nil, "Memory soft limit") {
        $0.settings.resources.memoryReservation = $1 == 0 ? nil : $1
      },
      .text("memory-swap", nil, "bytes", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap") {
        let swap = try ResourceSyntax.swap($1)
        $0.settings.resources.memorySwap = swap == 0 ? nil : swap
      },
      .integer("memory-swappiness", nil, "int", "Tune container memory swappiness (0 to 100)") {
        guard (-1...100).contains($1) else {
          throw FlagValueError("invalid value: \($1). Valid memory swappiness range is 0-100")
        }
        if $1 != -1 { $0.warnings.append("--memory-swappiness is ignored: only cgroup v1 as root has it") }
      }.hidden,
      .bytes("kernel-memory", nil, "Kernel memory limit") { options, _ in
        options.warnings.append("--kernel-memory is ignored: the kernel has this limit no more")
      }.hidden,
      .integer("oom-score-adj", nil, "int", "Tune host's OOM preferences (-1000 to 1000)") {
        guard (-1000...1000).contains($1) else {
          throw FlagValueError("Invalid value \($1), range for oom score adj is [-1000, 1000]")
        }
        $0.settings.oomScoreAdjustment = $1
      },
      .integer("pids-limit", nil, "int", "Tune container pids limit (set -1 for unlimited)") {
        $0.settings.resources.pidsLimit = $1 == 0 ? nil : max(-1, $1)
      },
      .toggle("strict-limits", nil, "Fail when a limit cannot be applied, instead of warning") { $0.strictLimits = $1 },
      .list("ulimit", nil, "ulimit", "Ulimit options") { $0.settings.ulimits.append(try ResourceSyntax.ulimit($1)) },
    ]
  }

  private static var cgroup: [Flag<ContainerOptions>] {
    [
      .text("cgroup-parent", nil, "string", "Optional parent cgroup for the container") {
        $0.settings.cgroupParent = $1.isEmpty ? nil : $1
      },
      .text("cgroupns", nil, "string", "Cgroup namespace to use (host|private)") {
        $0.settings.cgroupNamespace = try SecuritySyntax.namespace(
          $1, among: ["host", "private"], joinable: false, complaint: "--cgroupns: invalid CGROUP mode")
      }.completed(by: .words(["host", "private"])),
      .text("cgroups", nil, "string", "Cgroups of the container (\"enabled\", \"disabled\", \"no-conmon\", \"split\")")
      {
        guard ["enabled", "disabled", "no-conmon", "split"].contains($1) else {
          throw FlagValueError("must be \"enabled\", \"disabled\", \"no-conmon\" or \"split\"")
        }
        $0.settings.cgroups = $1
      }.defaulting(to: "\"enabled\"").completed(by: .words(["enabled", "disabled", "no-conmon", "split"])),
    ]
  }
}
