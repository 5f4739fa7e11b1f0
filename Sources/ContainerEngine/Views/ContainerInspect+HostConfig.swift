internal import Basics
internal import Storage

extension ContainerInspect {
  /// docker's HostConfig: what was asked for of the host. Limits are shown as asked; `State.EffectiveLimits` tells what holds.
  var hostConfig: JSON {
    var object = JSONObject()
    object["Binds"] = orNull(settings.mounts.filter(\.isBindOption).map(bindText))
    object["ContainerIDFile"] = ""
    object["LogConfig"] = ["Type": .string(settings.logDriver), "Config": JSON(settings.logOptions)]
    object["LxcConf"] = []
    object["NetworkMode"] = .string(settings.network.isEmpty ? "none" : settings.network)
    object["PortBindings"] = portBindings
    object["RestartPolicy"] = [
      "Name": .string(settings.restart.name.rawValue), "MaximumRetryCount": .integer(settings.restart.maximumRetries),
    ]
    object["AutoRemove"] = .bool(settings.autoRemove)
    object["VolumeDriver"] = ""
    object["VolumesFrom"] = orNull(settings.volumesFrom)
    object["ConsoleSize"] = [0, 0]
    object["CapAdd"] = orNull(settings.capabilitiesAdded)
    object["CapDrop"] = orNull(settings.capabilitiesDropped)
    object["CgroupnsMode"] = .string(settings.cgroupNamespace.isEmpty ? "private" : settings.cgroupNamespace)
    object["Dns"] = JSON(settings.dnsServers)
    object["DnsOptions"] = JSON(settings.dnsOptions)
    object["DnsSearch"] = JSON(settings.dnsSearch)
    object["ExtraHosts"] = orNull(settings.extraHosts)
    object["GroupAdd"] = orNull(settings.groupsAdded)
    object["IpcMode"] = .string(settings.ipcNamespace.isEmpty ? "private" : settings.ipcNamespace)
    object["Cgroup"] = ""
    object["Links"] = orNull(links.map { "/\($0.name):/\(name)/\($0.alias)" })
    object["OomScoreAdj"] = .integer(settings.oomScoreAdjustment ?? 0)
    object["PidMode"] = .string(settings.pidNamespace)
    object["Privileged"] = .bool(settings.privileged)
    object["PublishAllPorts"] = .bool(settings.publishesAllPorts)
    object["ReadonlyRootfs"] = .bool(settings.readOnly)
    object["SecurityOpt"] = orNull(settings.securityOptions)
    object["UTSMode"] = .string(settings.utsNamespace)
    object["UsernsMode"] = .string(settings.userNamespace)
    object["ShmSize"] = .integer(settings.shmSize ?? 64 << 20)
    object["Runtime"] = .string(settings.runtime ?? "dhow")
    object["Isolation"] = ""
    addResources(&object)
    object["Mounts"] = .array(settings.mounts.filter { !$0.isBindOption && !$0.isAnonymous }.map(mountText))
    object["Tmpfs"] = JSON(
      settings.mounts.filter { $0.kind == .tmpfs }.map { ($0.target, $0.options.joined(separator: ",")) })
    object["Sysctls"] = JSON(settings.sysctls)
    object["Annotations"] = JSON(settings.annotations)
    object["Init"] = .bool(settings.usesInit)
    object["MaskedPaths"] = JSON(maskedPaths)
    object["ReadonlyPaths"] = JSON(readOnlyPaths)
    return .object(object)
  }

  private func addResources(_ object: inout JSONObject) {
    let limits = settings.resources
    object["CpuShares"] = .integer(limits.cpuShares ?? 0)
    object["Memory"] = .integer(limits.memory ?? 0)
    object["NanoCpus"] = .integer(limits.nanoCPUs ?? 0)
    object["CgroupParent"] = .string(settings.cgroupParent ?? "")
    object["BlkioWeight"] = .integer(limits.blkioWeight ?? 0)
    for name in [
      "BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps",
    ] { object[name] = [] }
    object["CpuPeriod"] = .integer(limits.cpuPeriod ?? 0)
    object["CpuQuota"] = .integer(limits.cpuQuota ?? 0)
    object["CpuRealtimePeriod"] = 0
    object["CpuRealtimeRuntime"] = 0
    object["CpusetCpus"] = .string(limits.cpusetCPUs ?? "")
    object["CpusetMems"] = .string(limits.cpusetMems ?? "")
    object["Devices"] = .array(
      settings.devices.map {
        [
          "PathOnHost": .string($0.host), "PathInContainer": .string($0.container),
          "CgroupPermissions": .string($0.permissions),
        ]
      })
    object["DeviceCgroupRules"] = .null
    object["DeviceRequests"] = .null
    object["MemoryReservation"] = .integer(limits.memoryReservation ?? 0)
    object["MemorySwap"] = .integer(limits.memorySwap ?? 0)
    object["MemorySwappiness"] = .null
    object["OomKillDisable"] = .null
    object["PidsLimit"] = limits.pidsLimit.map { .integer($0) } ?? .null
    object["Ulimits"] = .array(
      settings.ulimits.map { ["Name": .string($0.name), "Hard": .integer($0.hard), "Soft": .integer($0.soft)] })
    for name in ["CpuCount", "CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth"] { object[name] = 0 }
  }
}

/// A list as docker shows one that may be missing: null when empty.
private func orNull(_ strings: [String]) -> JSON { strings.isEmpty ? .null : JSON(strings) }
