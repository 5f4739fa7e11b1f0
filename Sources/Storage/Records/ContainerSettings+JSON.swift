package import Basics
internal import OCI

extension ContainerSettings {
  /// The settings as a record keeps them: only what was asked for.
  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("command", command.map { JSON($0) })
    builder.set("entrypoint", entrypoint.map { JSON($0) })
    builder.set("environment", environment)
    builder.set("workingDirectory", workingDirectory)
    builder.set("user", user)
    builder.set("hostname", hostname)
    builder.set("domainname", domainname)
    builder.set("labels", labels)
    builder.set("annotations", annotations)
    builder.set("terminal", terminal)
    builder.set("openStdin", openStdin)
    builder.set("readOnly", readOnly)
    builder.set("init", usesInit)
    builder.set("mounts", mounts.map(\.json))
    if !volumesFrom.isEmpty { builder.set("volumesFrom", volumesFrom) }
    builder.set("shmSize", shmSize)
    builder.set("stopSignal", stopSignal)
    builder.set("stopTimeout", stopTimeout)
    builder.set("capabilitiesAdded", capabilitiesAdded)
    builder.set("capabilitiesDropped", capabilitiesDropped)
    builder.set("securityOptions", securityOptions)
    builder.set("privileged", privileged)
    builder.set("ulimits", ulimits.map(\.json))
    builder.set("sysctls", sysctls)
    builder.set("devices", devices.map(\.json))
    builder.set("groupsAdded", groupsAdded)
    setNamespaces(&builder)
    builder.set("networks", networks.map(\.json))
    builder.set("ports", ports.map(\.json))
    builder.set("publishAll", publishesAllPorts)
    builder.set("exposedPorts", exposedPorts)
    builder.set("links", links.map { JSON([$0.0, $0.1]) })
    builder.set("egress", egress)
    builder.set("extraHosts", extraHosts)
    builder.set("dnsServers", dnsServers)
    builder.set("dnsSearch", dnsSearch)
    builder.set("dnsOptions", dnsOptions)
    if logDriver != "json-file" { builder.set("logDriver", logDriver) }
    builder.set("logOptions", logOptions)
    builder.set("autoRemove", autoRemove)
    if restart.name != .no { builder.set("restart", restart.text) }
    builder.set("healthcheck", healthcheck?.json)
    if healthAction != .none { builder.set("healthAction", healthAction.rawValue) }
    builder.set("timeout", timeout)
    if !resources.isEmpty { builder.set("resources", resources.json) }
    builder.set("oomScoreAdjustment", oomScoreAdjustment)
    builder.set("rootDirectory", rootDirectory.map { ["path": .string($0.path), "overlay": .bool($0.overlay)] })
    builder.set("runtime", runtime)
    builder.set("platform", platform)
    builder.set("pidFile", pidFile)
    builder.set("proxyEnvironment", proxyEnvironment)
    builder.set("umask", umask.map(Int64.init))
    builder.set("timezone", timezone)
    builder.set("notification", notification)
    builder.set("requires", requires)
    builder.set("creation", creation)
    return builder.json
  }

  private func setNamespaces(_ builder: inout JSONBuilder) {
    for (name, value) in [
      ("userNamespace", userNamespace), ("pidNamespace", pidNamespace), ("ipcNamespace", ipcNamespace),
      ("utsNamespace", utsNamespace), ("network", network), ("cgroupNamespace", cgroupNamespace),
    ] where !value.isEmpty { builder.set(name, value) }
    if cgroups != "enabled" { builder.set("cgroups", cgroups) }
    builder.set("cgroupParent", cgroupParent)
  }

  /// - Throws: `JSONShapeError` for a damaged record.
  package init(json: JSON) throws(JSONShapeError) {
    self.init()
    let fields = try JSONFields(json, "settings")
    command = try fields.optionalStrings("command")
    entrypoint = try fields.optionalStrings("entrypoint")
    environment = try fields.strings("environment")
    workingDirectory = try fields.optionalString("workingDirectory")
    user = try fields.optionalString("user")
    hostname = try fields.optionalString("hostname")
    domainname = try fields.optionalString("domainname")
    labels = try fields.pairs("labels")
    annotations = try fields.pairs("annotations")
    terminal = try fields.bool("terminal")
    openStdin = try fields.bool("openStdin")
    readOnly = try fields.bool("readOnly")
    usesInit = try fields.bool("init")
    for mount in try fields.objects("mounts") { mounts.append(try MountRequest(mount)) }
    volumesFrom = try fields.strings("volumesFrom")
    shmSize = try fields.optionalInteger("shmSize")
    stopSignal = try fields.optionalString("stopSignal")
    stopTimeout = try fields.optionalInteger("stopTimeout")
    capabilitiesAdded = try fields.strings("capabilitiesAdded")
    capabilitiesDropped = try fields.strings("capabilitiesDropped")
    securityOptions = try fields.strings("securityOptions")
    privileged = try fields.bool("privileged")
    for ulimit in try fields.objects("ulimits") { ulimits.append(try Ulimit(ulimit)) }
    sysctls = try fields.pairs("sysctls")
    for device in try fields.objects("devices") { devices.append(try DeviceRequest(device)) }
    groupsAdded = try fields.strings("groupsAdded")
    try readNamespaces(fields)
    for entry in try fields.objects("networks") { networks.append(try NetworkAttachment(entry)) }
    for entry in try fields.objects("ports") { ports.append(try PortBinding(entry)) }
    publishesAllPorts = try fields.bool("publishAll")
    exposedPorts = try fields.strings("exposedPorts")
    for entry in try fields.array("links") {
      guard let pair = entry.arrayValue?.compactMap(\.stringValue), pair.count == 2 else {
        throw fields.failure("links", "has an element that is no pair")
      }
      links.append((pair[0], pair[1]))
    }
    egress = try fields.optionalString("egress")
    extraHosts = try fields.strings("extraHosts")
    dnsServers = try fields.strings("dnsServers")
    dnsSearch = try fields.strings("dnsSearch")
    dnsOptions = try fields.strings("dnsOptions")
    logDriver = try fields.optionalString("logDriver") ?? "json-file"
    logOptions = try fields.pairs("logOptions")
    autoRemove = try fields.bool("autoRemove")
    if let text = try fields.optionalString("restart") {
      guard let policy = RestartPolicy(text) else { throw fields.failure("restart", "is no restart policy") }
      restart = policy
    }
    healthcheck = try fields.fields("healthcheck").map { (fields) throws(JSONShapeError) in try Healthcheck(fields) }
    if let text = try fields.optionalString("healthAction") {
      guard let action = HealthAction(rawValue: text) else { throw fields.failure("healthAction", "is unknown") }
      healthAction = action
    }
    timeout = try fields.optionalInteger("timeout")
    if let limits = try fields.fields("resources") { resources = try ResourceLimits(limits) }
    oomScoreAdjustment = try fields.optionalInteger("oomScoreAdjustment")
    if let root = try fields.fields("rootDirectory") {
      rootDirectory = RootDirectory(path: try root.string("path"), overlay: try root.bool("overlay"))
    }
    runtime = try fields.optionalString("runtime")
    platform = try fields.optionalString("platform")
    pidFile = try fields.optionalString("pidFile")
    proxyEnvironment = try fields.strings("proxyEnvironment")
    umask = try fields.optionalInteger("umask").map { UInt32(truncatingIfNeeded: $0) & 0o777 }
    timezone = try fields.optionalString("timezone")
    notification = try fields.optionalString("notification")
    requires = try fields.strings("requires")
    creation = try fields.strings("creation")
  }

  private mutating func readNamespaces(_ fields: JSONFields) throws(JSONShapeError) {
    userNamespace = try fields.optionalString("userNamespace") ?? ""
    pidNamespace = try fields.optionalString("pidNamespace") ?? ""
    ipcNamespace = try fields.optionalString("ipcNamespace") ?? ""
    utsNamespace = try fields.optionalString("utsNamespace") ?? ""
    network = try fields.optionalString("network") ?? ""
    cgroupNamespace = try fields.optionalString("cgroupNamespace") ?? ""
    cgroups = try fields.optionalString("cgroups") ?? "enabled"
    cgroupParent = try fields.optionalString("cgroupParent")
  }
}

extension NetworkAttachment {
  fileprivate var json: JSON {
    var builder = JSONBuilder()
    builder.set("network", network)
    builder.set("aliases", aliases)
    builder.set("ip", ip)
    builder.set("ip6", ip6)
    builder.set("mac", mac)
    return builder.json
  }

  fileprivate init(_ fields: JSONFields) throws(JSONShapeError) {
    self.init(try fields.string("network"))
    aliases = try fields.strings("aliases")
    ip = try fields.optionalString("ip")
    ip6 = try fields.optionalString("ip6")
    mac = try fields.optionalString("mac")
  }
}

extension PortBinding {
  fileprivate var json: JSON {
    var builder = JSONBuilder()
    if !hostAddress.isEmpty { builder.set("address", hostAddress) }
    builder.set("hostPort", Int64(hostPort))
    if lastHostPort > hostPort { builder.set("lastHostPort", Int64(lastHostPort)) }
    builder.set("port", Int64(containerPort))
    builder.set("transport", transport)
    return builder.json
  }

  fileprivate init(_ fields: JSONFields) throws(JSONShapeError) {
    guard let hostPort = UInt16(exactly: try fields.integer("hostPort")),
      let last = UInt16(exactly: try fields.optionalInteger("lastHostPort") ?? Int64(hostPort)),
      let port = UInt16(exactly: try fields.integer("port"))
    else { throw fields.failure("port", "is no port") }
    self.init(
      hostAddress: try fields.optionalString("address") ?? "", hostPort: hostPort, lastHostPort: last,
      containerPort: port, transport: try fields.string("transport"))
  }
}

extension MountRequest {
  fileprivate var json: JSON {
    var builder = JSONBuilder()
    builder.set("kind", kind.rawValue)
    if !source.isEmpty { builder.set("source", source) }
    builder.set("target", target)
    builder.set("readOnly", readOnly)
    builder.set("propagation", propagation)
    if recursive != .enabled { builder.set("recursive", recursive.rawValue) }
    builder.set("createsSource", createsSource)
    builder.set("options", options)
    if isAnonymous { builder.set("anonymous", true) }
    if !copiesUp { builder.set("nocopy", true) }
    if !subpath.isEmpty { builder.set("subpath", subpath) }
    if !volumeLabels.isEmpty { builder.set("volumeLabels", volumeLabels) }
    if !volumeOptions.isEmpty { builder.set("volumeOptions", volumeOptions) }
    if chownsSource { builder.set("chown", true) }
    if isOverlay { builder.set("overlay", true) }
    return builder.json
  }

  fileprivate init(_ fields: JSONFields) throws(JSONShapeError) {
    guard let kind = Kind(rawValue: try fields.string("kind")) else { throw fields.failure("kind", "is unknown") }
    self.init(kind: kind, source: try fields.optionalString("source") ?? "", target: try fields.string("target"))
    readOnly = try fields.bool("readOnly")
    propagation = try fields.optionalString("propagation")
    if let name = try fields.optionalString("recursive") {
      guard let value = Recursive(rawValue: name) else { throw fields.failure("recursive", "is unknown") }
      recursive = value
    }
    createsSource = try fields.bool("createsSource")
    options = try fields.strings("options")
    isAnonymous = try fields.bool("anonymous")
    copiesUp = try !fields.bool("nocopy")
    subpath = try fields.optionalString("subpath") ?? ""
    volumeLabels = try fields.strings("volumeLabels")
    volumeOptions = try fields.strings("volumeOptions")
    chownsSource = try fields.bool("chown")
    isOverlay = try fields.bool("overlay")
  }
}

extension Ulimit {
  fileprivate var json: JSON { ["name": .string(name), "soft": .integer(soft), "hard": .integer(hard)] }

  fileprivate init(_ fields: JSONFields) throws(JSONShapeError) {
    self.init(name: try fields.string("name"), soft: try fields.integer("soft"), hard: try fields.integer("hard"))
  }
}

extension DeviceRequest {
  fileprivate var json: JSON {
    ["host": .string(host), "container": .string(container), "permissions": .string(permissions)]
  }

  fileprivate init(_ fields: JSONFields) throws(JSONShapeError) {
    self.init(
      host: try fields.string("host"), container: try fields.string("container"),
      permissions: try fields.string("permissions"))
  }
}

extension ResourceLimits {
  fileprivate var json: JSON {
    var builder = JSONBuilder()
    builder.set("memory", memory)
    builder.set("memoryReservation", memoryReservation)
    builder.set("memorySwap", memorySwap)
    builder.set("nanoCPUs", nanoCPUs)
    builder.set("cpuShares", cpuShares)
    builder.set("cpuPeriod", cpuPeriod)
    builder.set("cpuQuota", cpuQuota)
    builder.set("cpusetCPUs", cpusetCPUs)
    builder.set("cpusetMems", cpusetMems)
    builder.set("pidsLimit", pidsLimit)
    builder.set("blkioWeight", blkioWeight)
    return builder.json
  }

  fileprivate init(_ fields: JSONFields) throws(JSONShapeError) {
    self.init()
    memory = try fields.optionalInteger("memory")
    memoryReservation = try fields.optionalInteger("memoryReservation")
    memorySwap = try fields.optionalInteger("memorySwap")
    nanoCPUs = try fields.optionalInteger("nanoCPUs")
    cpuShares = try fields.optionalInteger("cpuShares")
    cpuPeriod = try fields.optionalInteger("cpuPeriod")
    cpuQuota = try fields.optionalInteger("cpuQuota")
    cpusetCPUs = try fields.optionalString("cpusetCPUs")
    cpusetMems = try fields.optionalString("cpusetMems")
    pidsLimit = try fields.optionalInteger("pidsLimit")
    blkioWeight = try fields.optionalInteger("blkioWeight")
  }
}
