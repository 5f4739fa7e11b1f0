package import Basics
package import Networking
package import OCI
package import Storage

/// Everything that docker's `inspect` tells of a container, collected by the operation and laid out here.
///
/// The members are those of the Engine API 1.50 and, beside them, those of the oldest docker that the founding documents
/// show (Config.Memory, ExecDriver, HostConfig.LxcConf, NetworkSettings.PortMapping, Volumes, VolumesRW, …).
package struct ContainerInspect {
  package var id: String
  package var name: String
  package var created: Timestamp
  /// The program and its arguments, image defaults merged in.
  package var commandLine: [String]
  /// The image as the user named it, and the digest of its config.
  package var imageName: String
  package var imageID: String
  package var platform = "linux"
  package var settings: ContainerSettings
  package var image: ContainerDefaults
  /// `NAME=value` of the program.
  package var environment: [String]
  package var hostname: String
  package var state: State
  package var restartCount: Int64 = 0
  /// The one in force, or `["NONE"]`.
  package var healthcheck: Healthcheck?
  package var files: Files
  package var overlay: Overlay?
  /// Absolute path of the directory that has the volumes.
  package var volumesDirectory = ""
  /// What it has of networks while it runs.
  package var network: ContainerNetwork?
  /// Names of the containers it has links to, and its names for them.
  package var links: [(name: String, alias: String)] = []
  package var maskedPaths: [String] = []
  package var readOnlyPaths: [String] = []
  /// Bytes of the writable layer and of everything; nil unless asked for.
  package var sizes: (writable: Int64, root: Int64)?
  /// What limits are in force, read back from the kernel; nil when none was asked for or the container does not run.
  package var effectiveLimits: ResourceLimits?

  package struct State {
    /// `created`, `running`, `paused`, `restarting`, `exited`.
    package var status: String
    package var health: HealthRecord?
    package var pid: Int64 = 0
    package var exitCode: Int64 = 0
    package var error = ""
    package var oomKilled = false
    package var startedAt: Timestamp?
    package var finishedAt: Timestamp?
    /// What the kernel says while it runs; nil otherwise.
    package var effectiveLimits: ResourceLimits?

    package init(status: String) { self.status = status }
  }

  /// Host paths; empty when there is no such file now.
  package struct Files {
    package var hostname = ""
    package var hosts = ""
    package var resolvConf = ""
    package var log = ""

    package init() {}
  }

  package struct Overlay {
    package var lower: [String]
    package var upper: String
    package var work: String

    package init(lower: [String], upper: String, work: String) {
      self.lower = lower
      self.upper = upper
      self.work = work
    }
  }

  package init(
    id: String, name: String, created: Timestamp, commandLine: [String], imageName: String, imageID: String,
    settings: ContainerSettings, image: ContainerDefaults, environment: [String], hostname: String, state: State,
    files: Files
  ) {
    self.id = id
    self.name = name
    self.created = created
    self.commandLine = commandLine
    self.imageName = imageName
    self.imageID = imageID
    self.settings = settings
    self.image = image
    self.environment = environment
    self.hostname = hostname
    self.state = state
    self.files = files
  }

  package var json: JSON {
    var object = JSONObject()
    object["Id"] = .string(id)
    object["Created"] = .string(created.rfc3339)
    object["Path"] = .string(commandLine.first ?? "")
    object["Args"] = JSON(Array(commandLine.dropFirst()))
    object["State"] = stateJSON
    object["Image"] = .string(imageID)
    object["ResolvConfPath"] = .string(files.resolvConf)
    object["HostnamePath"] = .string(files.hostname)
    object["HostsPath"] = .string(files.hosts)
    object["LogPath"] = .string(files.log)
    object["Name"] = .string("/" + name)
    object["RestartCount"] = .integer(restartCount)
    object["Driver"] = "overlay2"
    object["ExecDriver"] = "native"
    object["Platform"] = .string(platform)
    object["MountLabel"] = ""
    object["ProcessLabel"] = ""
    object["AppArmorProfile"] = ""
    object["ExecIDs"] = .null
    object["HostConfig"] = hostConfig
    object["GraphDriver"] = graphDriver
    if let sizes {
      object["SizeRw"] = .integer(sizes.writable)
      object["SizeRootFs"] = .integer(sizes.root)
    }
    object["Mounts"] = .array(settings.mounts.map(mountPoint))
    object["Volumes"] = strings(settings.mounts.filter { $0.kind != .tmpfs }.map { ($0.target, path(of: $0)) })
    object["VolumesRW"] = .object(
      JSONObject(
        settings.mounts.filter { $0.kind != .tmpfs }.map { (name: $0.target, value: JSON.bool(!$0.readOnly)) }))
    object["Config"] = config
    object["NetworkSettings"] = networkSettings
    return .object(object)
  }

  private var stateJSON: JSON {
    var object: JSON = [
      "Status": .string(state.status), "Running": .bool(["running", "paused", "restarting"].contains(state.status)),
      "Paused": .bool(state.status == "paused"), "Restarting": .bool(state.status == "restarting"),
      "OOMKilled": .bool(state.oomKilled),
      "Dead": false, "Pid": .integer(state.pid), "ExitCode": .integer(state.exitCode), "Error": .string(state.error),
      "StartedAt": .string(state.startedAt?.rfc3339 ?? Timestamp.goZero),
      "FinishedAt": .string(state.finishedAt?.rfc3339 ?? Timestamp.goZero),
    ]
    if let health = state.health, case .object(var members) = object {
      members["Health"] = healthJSON(health)
      object = .object(members)
    }
    if let limits = state.effectiveLimits, case .object(var members) = object {
      members["EffectiveLimits"] = effectiveJSON(limits)
      object = .object(members)
    }
    return object
  }

  private func healthJSON(_ health: HealthRecord) -> JSON {
    let entries = health.entries.map { entry -> JSON in
      [
        "Start": .string(entry.start.rfc3339), "End": .string(entry.end.rfc3339),
        "ExitCode": .integer(Int64(entry.exitCode)), "Output": .string(entry.output),
      ]
    }
    return [
      "Status": .string(health.status.rawValue), "FailingStreak": .integer(health.failingStreak),
      "Log": .array(entries),
    ]
  }

  /// Under HostConfig's names, null for what has no limit: HostConfig itself says what was asked for.
  private func effectiveJSON(_ limits: ResourceLimits) -> JSON {
    func number(_ value: Int64?) -> JSON { value.map(JSON.integer) ?? .null }
    func text(_ value: String?) -> JSON { value.map(JSON.string) ?? .null }
    return [
      "Memory": number(limits.memory), "MemoryReservation": number(limits.memoryReservation),
      "MemorySwap": number(limits.memorySwap), "CpuShares": number(limits.cpuShares),
      "CpuPeriod": number(limits.cpuPeriod), "CpuQuota": number(limits.cpuQuota),
      "CpusetCpus": text(limits.cpusetCPUs), "CpusetMems": text(limits.cpusetMems),
      "PidsLimit": number(limits.pidsLimit),
    ]
  }

  private var config: JSON {
    var object = JSONObject()
    object["Hostname"] = .string(hostname)
    object["Domainname"] = .string(settings.domainname ?? "")
    object["User"] = .string(settings.user ?? image.user)
    object["AttachStdin"] = .bool(settings.openStdin)
    object["AttachStdout"] = true
    object["AttachStderr"] = true
    object["ExposedPorts"] = emptyObjects(exposedPorts)
    object["PortSpecs"] = .null
    object["Tty"] = .bool(settings.terminal)
    object["OpenStdin"] = .bool(settings.openStdin)
    object["StdinOnce"] = .bool(settings.openStdin)
    object["Env"] = JSON(environment)
    object["Cmd"] = (settings.command ?? (settings.entrypoint == nil ? image.command : nil)).map { JSON($0) } ?? .null
    object["Image"] = .string(imageName)
    object["Volumes"] = emptyObjects(image.volumes)
    object["WorkingDir"] = .string(settings.workingDirectory ?? image.workingDirectory)
    object["Entrypoint"] = (settings.entrypoint ?? image.entrypoint).flatMap { $0.isEmpty ? nil : JSON($0) } ?? .null
    object["NetworkDisabled"] = .bool(settings.network.isEmpty || settings.network == "none")
    object["MacAddress"] = .string(settings.networks.first?.mac ?? "")
    object["OnBuild"] = image.onBuild.isEmpty ? .null : JSON(image.onBuild)
    object["Labels"] = labels
    if let signal = settings.stopSignal ?? image.stopSignal { object["StopSignal"] = .string(signal) }
    if let timeout = settings.stopTimeout { object["StopTimeout"] = .integer(timeout) }
    if let healthcheck { object["Healthcheck"] = healthcheck.json }
    if let shell = image.shell { object["Shell"] = JSON(shell) }
    object["CpuShares"] = .integer(settings.resources.cpuShares ?? 0)
    object["Cpuset"] = .string(settings.resources.cpusetCPUs ?? "")
    object["Memory"] = .integer(settings.resources.memory ?? 0)
    object["MemorySwap"] = .integer(settings.resources.memorySwap ?? 0)
    return .object(object)
  }

  /// The image's labels and the container's own, of which the latter win.
  private var labels: JSON {
    var object = JSONObject()
    for (name, value) in image.labels + settings.labels { object[name] = .string(value) }
    return .object(object)
  }

  private var graphDriver: JSON {
    guard let overlay else { return ["Name": "overlay2", "Data": .null] }
    return [
      "Name": "overlay2",
      "Data": [
        "LowerDir": .string(overlay.lower.joined(separator: ":")), "MergedDir": "", "UpperDir": .string(overlay.upper),
        "WorkDir": .string(overlay.work),
      ],
    ]
  }

}

/// Go's `map[string]struct{}`; null when empty, as docker has it.
private func emptyObjects(_ names: [String]) -> JSON {
  names.isEmpty ? .null : .object(JSONObject(names.map { (name: $0, value: .object(JSONObject())) }))
}

private func strings(_ pairs: [(String, String)]) -> JSON { JSON(pairs) }
