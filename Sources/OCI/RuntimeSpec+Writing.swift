package import Basics

extension RuntimeSpec {
  /// The document of config.json, members in the specification's order.
  package var json: JSON {
    var document = JSONBuilder()
    document.set("ociVersion", ociVersion)
    document.set("process", process.json)
    var rootMembers = JSONBuilder()
    rootMembers.set("path", root.path)
    rootMembers.set("readonly", root.readonly)
    document.set("root", rootMembers.json)
    document.set("hostname", hostname)
    document.set("domainname", domainname)
    document.set("mounts", mounts.map(\.json))
    document.set("hooks", hooks.json)
    document.set("annotations", sortedPairs(annotations))
    document.set("linux", linux.json)
    return document.json
  }
}

/// A dictionary as members in byte order, so that equal values give equal bytes.
private func sortedPairs(_ pairs: [String: String]) -> [(String, String)] {
  pairs.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { ($0.key, $0.value) }
}

/// JSON integers of ours are signed; a limit beyond that is written as the greatest one, which no kernel limit reaches.
private func clamped(_ value: UInt64) -> JSON { .integer(Int64(clamping: value)) }

private func object(_ build: (inout JSONBuilder) -> Void) -> JSON {
  var builder = JSONBuilder()
  build(&builder)
  return builder.json
}

private func nonEmpty(_ json: JSON) -> JSON? { json == .object(JSONObject()) ? nil : json }

extension RuntimeSpec.Process {
  package var json: JSON {
    object { members in
      members.set("terminal", terminal)
      if let consoleSize {
        members.set(
          "consoleSize", ["height": .integer(Int64(consoleSize.height)), "width": .integer(Int64(consoleSize.width))])
      }
      members.set("user", user.json)
      members.set("args", args)
      members.set("env", env)
      members.set("cwd", cwd)
      members.set("capabilities", capabilities.json)
      members.set(
        "rlimits",
        rlimits.map { ["type": .string($0.type), "hard": clamped($0.hard), "soft": clamped($0.soft)] as JSON })
      members.set("noNewPrivileges", noNewPrivileges)
      members.set("apparmorProfile", apparmorProfile)
      members.set("selinuxLabel", selinuxLabel)
      members.set("oomScoreAdj", oomScoreAdj.map(Int64.init))
    }
  }
}

extension RuntimeSpec.User {
  fileprivate var json: JSON {
    object { members in
      members.set("uid", Int64(uid))
      members.set("gid", Int64(gid))
      members.set("umask", umask.map(Int64.init))
      members.set("additionalGids", additionalGids.map { JSON.integer(Int64($0)) })
    }
  }
}

extension RuntimeSpec.Capabilities {
  fileprivate var json: JSON {
    object { members in
      members.set("bounding", bounding)
      members.set("effective", effective)
      members.set("inheritable", inheritable)
      members.set("permitted", permitted)
      members.set("ambient", ambient)
    }
  }
}

extension RuntimeSpec.Mount {
  fileprivate var json: JSON {
    object { members in
      members.set("destination", destination)
      members.set("type", type)
      members.set("source", source)
      members.set("options", options)
    }
  }
}

extension RuntimeSpec.Hooks {
  fileprivate var json: JSON? {
    nonEmpty(
      object { members in
        members.set("prestart", prestart.map(\.json))
        members.set("createRuntime", createRuntime.map(\.json))
        members.set("createContainer", createContainer.map(\.json))
        members.set("startContainer", startContainer.map(\.json))
        members.set("poststart", poststart.map(\.json))
        members.set("poststop", poststop.map(\.json))
      })
  }
}

extension RuntimeSpec.Hook {
  fileprivate var json: JSON {
    object { members in
      members.set("path", path)
      members.set("args", args)
      members.set("env", env)
      members.set("timeout", timeout.map(Int64.init))
    }
  }
}

extension RuntimeSpec.Linux {
  fileprivate var json: JSON {
    object { members in
      members.set("uidMappings", uidMappings.map(\.json))
      members.set("gidMappings", gidMappings.map(\.json))
      members.set("sysctl", sortedPairs(sysctl))
      members.set("resources", nonEmpty(resources.json))
      members.set("cgroupsPath", cgroupsPath)
      members.set(
        "namespaces",
        namespaces.map { namespace in
          object {
            $0.set("type", namespace.type.rawValue)
            $0.set("path", namespace.path)
          }
        })
      members.set("devices", devices.map(\.json))
      members.set("seccomp", seccomp?.json)
      members.set("rootfsPropagation", rootfsPropagation)
      members.set("maskedPaths", maskedPaths)
      members.set("readonlyPaths", readonlyPaths)
      members.set("mountLabel", mountLabel)
    }
  }
}

extension RuntimeSpec.IDMapping {
  fileprivate var json: JSON {
    [
      "containerID": .integer(Int64(containerID)), "hostID": .integer(Int64(hostID)), "size": .integer(Int64(size)),
    ]
  }
}

extension RuntimeSpec.Device {
  fileprivate var json: JSON {
    object { members in
      members.set("path", path)
      members.set("type", type)
      members.set("major", JSON.integer(major))
      members.set("minor", JSON.integer(minor))
      members.set("fileMode", fileMode.map(Int64.init))
      members.set("uid", uid.map(Int64.init))
      members.set("gid", gid.map(Int64.init))
    }
  }
}

extension RuntimeSpec.Resources {
  fileprivate var json: JSON {
    object { members in
      members.set(
        "devices",
        devices.map { rule in
          object {
            $0.set("allow", JSON.bool(rule.allow))
            $0.set("type", rule.type)
            $0.set("major", rule.major)
            $0.set("minor", rule.minor)
            $0.set("access", rule.access)
          }
        })
      members.set("memory", nonEmpty(memory.json))
      members.set("cpu", nonEmpty(cpu.json))
      members.set("pids", pidsLimit.map { ["limit": .integer($0)] as JSON })
      members.set("blockIO", nonEmpty(blockIO.json))
      members.set("unified", sortedPairs(unified))
    }
  }
}

extension RuntimeSpec.Memory {
  fileprivate var json: JSON {
    object { members in
      members.set("limit", limit)
      members.set("reservation", reservation)
      members.set("swap", swap)
      members.set("swappiness", swappiness)
      members.set("disableOOMKiller", disableOOMKiller)
    }
  }
}

extension RuntimeSpec.CPU {
  fileprivate var json: JSON {
    object { members in
      members.set("shares", shares)
      members.set("quota", quota)
      members.set("period", period)
      members.set("cpus", cpus)
      members.set("mems", mems)
    }
  }
}

extension RuntimeSpec.BlockIO {
  fileprivate var json: JSON {
    func list(_ throttles: [RuntimeSpec.Throttle]) -> [JSON] {
      throttles.map { ["major": .integer($0.major), "minor": .integer($0.minor), "rate": .integer($0.rate)] }
    }
    return object { members in
      members.set("weight", weight)
      members.set("throttleReadBpsDevice", list(throttleReadBps))
      members.set("throttleWriteBpsDevice", list(throttleWriteBps))
      members.set("throttleReadIOPSDevice", list(throttleReadIOPS))
      members.set("throttleWriteIOPSDevice", list(throttleWriteIOPS))
    }
  }
}

extension RuntimeSpec.Seccomp {
  package var json: JSON {
    object { members in
      members.set("defaultAction", defaultAction)
      members.set("defaultErrnoRet", defaultErrnoRet.map(Int64.init))
      members.set("architectures", architectures)
      members.set("flags", flags)
      members.set(
        "syscalls",
        syscalls.map { rule in
          object {
            $0.set("names", rule.names)
            $0.set("action", rule.action)
            $0.set("errnoRet", rule.errnoRet.map(Int64.init))
            $0.set(
              "args",
              rule.args.map { argument in
                [
                  "index": .integer(Int64(argument.index)), "value": clamped(argument.value),
                  "valueTwo": clamped(argument.valueTwo), "op": .string(argument.op),
                ] as JSON
              })
          }
        })
    }
  }
}
