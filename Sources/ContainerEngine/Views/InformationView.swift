import Basics
internal import Glibc
import LinuxKernel
import OCI
import Storage

/// docker's `info` from what the engine and the host say.
struct InformationView {
  let counts: ContainerCounts
  let imageCount: Int
  let location: StateLocation
  let features: StoreFeatures
  let isRootless: Bool
  let idMap: IDMap
  let host: MachineFacts

  var json: JSON {
    var builder = JSONBuilder()
    func text(_ name: String, _ value: String) { builder.set(name, JSON.string(value)) }
    func number(_ name: String, _ value: Int) { builder.set(name, JSON.integer(Int64(value))) }
    func flag(_ name: String, _ value: Bool) { builder.set(name, JSON.bool(value)) }
    text("ID", host.machineID)
    number("Containers", counts.all)
    number("ContainersRunning", counts.running)
    number("ContainersPaused", counts.paused)
    number("ContainersStopped", counts.stopped)
    number("Images", imageCount)
    text("Driver", "overlay2")
    builder.set("DriverStatus", driverStatus)
    builder.set(
      "Plugins", ["Volume": ["local"], "Network": ["host", "none"], "Authorization": nil, "Log": logDrivers])
    for limit in ["MemoryLimit", "SwapLimit", "CpuCfsPeriod", "CpuCfsQuota", "CPUShares", "CPUSet", "PidsLimit"] {
      flag(limit, host.canLimit(limit))
    }
    flag("IPv4Forwarding", true)
    flag("OomKillDisable", false)
    flag("Debug", false)
    number("NFd", 0)
    number("NGoroutines", 1)
    text("SystemTime", Timestamp.now.rfc3339)
    text("LoggingDriver", "json-file")
    text("CgroupDriver", "cgroupfs")
    text("CgroupVersion", host.cgroupVersion)
    number("NEventsListener", 0)
    text("KernelVersion", features.kernel)
    text("OperatingSystem", host.operatingSystem)
    text("OSVersion", host.systemVersion)
    text("OSType", "linux")
    text("Architecture", host.machine)
    text("IndexServerAddress", "https://index.docker.io/v1/")
    number("NCPU", host.processors)
    builder.set("MemTotal", JSON.integer(host.memory))
    text("DockerRootDir", location.root)
    text("HttpProxy", "")
    text("HttpsProxy", "")
    text("NoProxy", "")
    text("Name", host.name)
    builder.set("Labels", JSON.array([]))
    flag("ExperimentalBuild", false)
    text("ServerVersion", ProductVersion.text)
    builder.set("Runtimes", ["dhow": ["path": "dhow"]])
    text("DefaultRuntime", "dhow")
    builder.set("Swarm", ["LocalNodeState": "inactive", "ControlAvailable": false])
    flag("LiveRestoreEnabled", true)
    text("Isolation", "")
    text("InitBinary", "dhow")
    builder.set("SecurityOptions", JSON(securityOptions))
    builder.set("Warnings", JSON(warnings))
    builder.set("IDMap", ["uids": JSON(idMap.uids.map(\.line)), "gids": JSON(idMap.gids.map(\.line))])
    text("RunRoot", location.runRoot)
    return builder.json
  }

  private var logDrivers: JSON { ["json-file", "local", "none"] }

  private var driverStatus: JSON {
    func pair(_ name: String, _ value: String) -> JSON { [.string(name), .string(value)] }
    let overlay =
      switch features.overlay {
      case nil: "unknown"
      case 0?: "true"
      case _?: "false"
      }
    return .array([
      pair("Backing Filesystem", host.filesystem(of: location.root)), pair("Supports d_type", "\(features.fileTypes)"),
      pair("Native Overlay", overlay), pair("userxattr", "\(isRootless)"),
      pair("User Attributes", "\(features.userAttributes)"),
    ])
  }

  private var securityOptions: [String] {
    ["name=seccomp,profile=builtin"] + (isRootless ? ["name=rootless"] : []) + ["name=cgroupns"]
  }

  private var warnings: [String] {
    var result: [String] = []
    if let obstacle = features.obstacle { result.append("WARNING: the store in \(location.root): \(obstacle)") }
    if isRootless, idMap.isSingle {
      result.append("WARNING: no subordinate ids: files of other owners than root cannot be made in containers")
    }
    if !host.canLimit("MemoryLimit") { result.append("WARNING: No memory limit support") }
    if !host.canLimit("PidsLimit") { result.append("WARNING: No pids limit support") }
    return result
  }
}
