package import Basics

extension RuntimeSpec {
  /// Reads a config.json; unknown members are ignored, as the specification asks.
  /// - Throws: `JSONShapeError` naming the member whose type is wrong or whose value is out of range.
  package init(json: JSON) throws(JSONShapeError) {
    let fields = try JSONFields(json, "config.json")
    self.init()
    ociVersion = try fields.string("ociVersion")
    if let members = try fields.fields("process") { process = try Process(members) }
    if let members = try fields.fields("root") {
      root.path = try members.string("path")
      root.readonly = try members.bool("readonly")
    }
    hostname = try fields.optionalString("hostname")
    domainname = try fields.optionalString("domainname")
    for members in try fields.objects("mounts") {
      mounts.append(
        Mount(
          destination: try members.string("destination"), type: try members.optionalString("type") ?? "",
          source: try members.optionalString("source") ?? "", options: try members.strings("options")))
    }
    if let members = try fields.fields("hooks") { hooks = try Hooks(members) }
    annotations = try dictionary(fields, "annotations")
    if let members = try fields.fields("linux") { linux = try Linux(members) }
  }
}

/// String members of a nested object; of two with one name the later counts.
private func dictionary(_ fields: JSONFields, _ name: String) throws(JSONShapeError) -> [String: String] {
  var result: [String: String] = [:]
  for (name, value) in try fields.pairs(name) { result[name] = value }
  return result
}

/// An integer member that must fit 32 unsigned bits.
private func optionalUInt32(_ fields: JSONFields, _ name: String) throws(JSONShapeError) -> UInt32? {
  guard let value = try fields.optionalInteger(name) else { return nil }
  guard let result = UInt32(exactly: value) else { throw fields.failure(name, "is out of range") }
  return result
}

private func uint32(_ fields: JSONFields, _ name: String) throws(JSONShapeError) -> UInt32 {
  guard let value = try optionalUInt32(fields, name) else { throw fields.failure(name, "is missing") }
  return value
}

/// An integer member of 64 unsigned bits; what does not fit our JSON's signed numbers is "unlimited".
private func uint64(_ fields: JSONFields, _ name: String) throws(JSONShapeError) -> UInt64 {
  switch fields.value(name) {
  case .integer(let value) where value >= 0: return UInt64(value)
  case .integer(-1): return .max
  case .double(let value) where value >= 0x1p63: return .max
  case nil: throw fields.failure(name, "is missing")
  default: throw fields.failure(name, "is not an unsigned integer")
  }
}

extension RuntimeSpec.Process {
  package init(_ fields: JSONFields) throws(JSONShapeError) {
    self.init()
    terminal = try fields.bool("terminal")
    if let size = try fields.fields("consoleSize") {
      consoleSize = .init(
        height: UInt16(clamping: try uint32(size, "height")), width: UInt16(clamping: try uint32(size, "width")))
    }
    if let members = try fields.fields("user") {
      user.uid = try uint32(members, "uid")
      user.gid = try uint32(members, "gid")
      user.umask = try optionalUInt32(members, "umask")
      for element in try members.array("additionalGids") {
        guard let value = element.integerValue, let gid = UInt32(exactly: value) else {
          throw members.failure("additionalGids", "has an element that is not a group id")
        }
        user.additionalGids.append(gid)
      }
    }
    args = try fields.strings("args")
    env = try fields.strings("env")
    cwd = try fields.string("cwd")
    if let members = try fields.fields("capabilities") {
      capabilities.bounding = try members.strings("bounding")
      capabilities.effective = try members.strings("effective")
      capabilities.inheritable = try members.strings("inheritable")
      capabilities.permitted = try members.strings("permitted")
      capabilities.ambient = try members.strings("ambient")
    }
    for members in try fields.objects("rlimits") {
      rlimits.append(
        .init(type: try members.string("type"), soft: try uint64(members, "soft"), hard: try uint64(members, "hard")))
    }
    noNewPrivileges = try fields.bool("noNewPrivileges")
    apparmorProfile = try fields.optionalString("apparmorProfile")
    selinuxLabel = try fields.optionalString("selinuxLabel")
    oomScoreAdj = try fields.optionalInteger("oomScoreAdj").map { Int($0) }
  }
}

extension RuntimeSpec.Hooks {
  fileprivate init(_ fields: JSONFields) throws(JSONShapeError) {
    self.init()
    prestart = try Self.list(fields, "prestart")
    createRuntime = try Self.list(fields, "createRuntime")
    createContainer = try Self.list(fields, "createContainer")
    startContainer = try Self.list(fields, "startContainer")
    poststart = try Self.list(fields, "poststart")
    poststop = try Self.list(fields, "poststop")
  }

  private static func list(_ fields: JSONFields, _ name: String) throws(JSONShapeError) -> [RuntimeSpec.Hook] {
    var result: [RuntimeSpec.Hook] = []
    for members in try fields.objects(name) {
      result.append(
        .init(
          path: try members.string("path"), args: try members.strings("args"), env: try members.strings("env"),
          timeout: try members.optionalInteger("timeout").map { Int($0) }))
    }
    return result
  }
}

extension RuntimeSpec.Linux {
  fileprivate init(_ fields: JSONFields) throws(JSONShapeError) {
    self.init()
    for members in try fields.objects("namespaces") {
      let name = try members.string("type")
      guard let type = RuntimeSpec.NamespaceType(rawValue: name) else {
        throw members.failure("type", "names an unknown namespace \"\(name)\"")
      }
      namespaces.append(.init(type, path: try members.optionalString("path")))
    }
    uidMappings = try Self.mappings(fields, "uidMappings")
    gidMappings = try Self.mappings(fields, "gidMappings")
    for members in try fields.objects("devices") {
      devices.append(
        .init(
          type: try members.string("type"), path: try members.string("path"),
          major: try members.optionalInteger("major") ?? 0, minor: try members.optionalInteger("minor") ?? 0,
          fileMode: try optionalUInt32(members, "fileMode"), uid: try optionalUInt32(members, "uid"),
          gid: try optionalUInt32(members, "gid")))
    }
    cgroupsPath = try fields.optionalString("cgroupsPath")
    if let members = try fields.fields("resources") { resources = try RuntimeSpec.Resources(members) }
    sysctl = try dictionary(fields, "sysctl")
    if let members = try fields.fields("seccomp") { seccomp = try RuntimeSpec.Seccomp(members) }
    rootfsPropagation = try fields.optionalString("rootfsPropagation")
    maskedPaths = try fields.strings("maskedPaths")
    readonlyPaths = try fields.strings("readonlyPaths")
    mountLabel = try fields.optionalString("mountLabel")
  }

  private static func mappings(
    _ fields: JSONFields, _ name: String
  ) throws(JSONShapeError) -> [RuntimeSpec.IDMapping] {
    var result: [RuntimeSpec.IDMapping] = []
    for members in try fields.objects(name) {
      result.append(
        .init(
          containerID: try uint32(members, "containerID"), hostID: try uint32(members, "hostID"),
          size: try uint32(members, "size")))
    }
    return result
  }
}

extension RuntimeSpec.Resources {
  fileprivate init(_ fields: JSONFields) throws(JSONShapeError) {
    self.init()
    for members in try fields.objects("devices") {
      devices.append(
        .init(
          allow: try members.bool("allow"), type: try members.optionalString("type"),
          major: try members.optionalInteger("major"), minor: try members.optionalInteger("minor"),
          access: try members.optionalString("access") ?? ""))
    }
    if let members = try fields.fields("memory") {
      memory.limit = try members.optionalInteger("limit")
      memory.reservation = try members.optionalInteger("reservation")
      memory.swap = try members.optionalInteger("swap")
      memory.swappiness = try members.optionalInteger("swappiness")
      memory.disableOOMKiller = try members.bool("disableOOMKiller")
    }
    if let members = try fields.fields("cpu") {
      cpu.shares = try members.optionalInteger("shares")
      cpu.quota = try members.optionalInteger("quota")
      cpu.period = try members.optionalInteger("period")
      cpu.cpus = try members.optionalString("cpus")
      cpu.mems = try members.optionalString("mems")
    }
    if let members = try fields.fields("pids") { pidsLimit = try members.optionalInteger("limit") }
    if let members = try fields.fields("blockIO") {
      blockIO.weight = try members.optionalInteger("weight")
      blockIO.throttleReadBps = try Self.throttles(members, "throttleReadBpsDevice")
      blockIO.throttleWriteBps = try Self.throttles(members, "throttleWriteBpsDevice")
      blockIO.throttleReadIOPS = try Self.throttles(members, "throttleReadIOPSDevice")
      blockIO.throttleWriteIOPS = try Self.throttles(members, "throttleWriteIOPSDevice")
    }
    unified = try dictionary(fields, "unified")
  }

  private static func throttles(
    _ fields: JSONFields, _ name: String
  ) throws(JSONShapeError) -> [RuntimeSpec.Throttle] {
    var result: [RuntimeSpec.Throttle] = []
    for members in try fields.objects(name) {
      result.append(
        .init(
          major: try members.integer("major"), minor: try members.integer("minor"), rate: try members.integer("rate")))
    }
    return result
  }
}

extension RuntimeSpec.Seccomp {
  package init(_ fields: JSONFields) throws(JSONShapeError) {
    self.init(defaultAction: try fields.string("defaultAction"))
    defaultErrnoRet = try optionalUInt32(fields, "defaultErrnoRet")
    architectures = try fields.strings("architectures")
    flags = try fields.strings("flags")
    for members in try fields.objects("syscalls") {
      var rule = RuntimeSpec.SeccompRule(names: try members.strings("names"), action: try members.string("action"))
      rule.errnoRet = try optionalUInt32(members, "errnoRet")
      for argument in try members.objects("args") {
        rule.args.append(
          .init(
            index: try uint32(argument, "index"), value: try uint64(argument, "value"),
            valueTwo: argument.value("valueTwo") == nil ? 0 : try uint64(argument, "valueTwo"),
            op: try argument.string("op")))
      }
      syscalls.append(rule)
    }
  }
}
