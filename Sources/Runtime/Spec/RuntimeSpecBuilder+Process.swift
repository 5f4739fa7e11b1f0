internal import Basics
internal import OCI
internal import Storage

extension RuntimeSpecBuilder {
  private static let defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  mutating func addProcess() throws(EngineError) {
    spec.process.args = Self.command(settings, input.image)
    guard !spec.process.args.isEmpty else {
      throw EngineError(
        .invalidInput, doing, "no command specified: the image has none", hint: "name one after the image")
    }
    spec.process.terminal = settings.terminal
    spec.process.env = environment()
    spec.process.cwd = try workingDirectory()
    try addUser()
    spec.process.noNewPrivileges = security.noNewPrivileges
    try addCapabilities()
    try addLimits()
    if let wanted = settings.oomScoreAdjustment {
      let own = host.isHostRoot ? Int64.min : host.oomScoreAdjustment()
      if wanted < own { warnings.append("--oom-score-adj \(wanted) is below the caller's own; using \(own)") }
      spec.process.oomScoreAdj = Int(max(wanted, own))
    }
  }

  /// Docker's: PATH, HOSTNAME and TERM, then the caller's variables, then the image's that the caller did not set, then
  /// HOME. Nothing of the host's (SECURITY D9).
  private func environment() -> [String] {
    var result = [Self.defaultPath, "HOSTNAME=" + (spec.hostname ?? settings.hostname ?? host.hostname())]
    if settings.terminal { result.append("TERM=xterm") }
    var position: [Substring: Int] = [:]
    func name(_ entry: String) -> Substring { entry.prefix { $0 != "=" } }
    for (index, entry) in result.enumerated() { position[name(entry)] = index }
    func take(_ entry: String, replaces: Bool) {
      if let index = position[name(entry)] {
        if replaces { result[index] = entry }
      } else {
        position[name(entry)] = result.count
        result.append(entry)
      }
    }
    let own = Set(settings.environment.map(name))
    for entry in settings.proxyEnvironment where !own.contains(name(entry)) { take(entry, replaces: true) }
    for entry in settings.environment { take(entry, replaces: true) }
    for entry in input.image.environment where !own.contains(name(entry)) { take(entry, replaces: true) }
    if let zone = settings.timezone, !own.contains("TZ") { take("TZ=" + zone, replaces: true) }
    take("HOME=" + input.user.home, replaces: false)
    for entry in input.managerEnvironment { take(entry, replaces: true) }
    return result
  }

  private func workingDirectory() throws(EngineError) -> String {
    if let directory = settings.workingDirectory, !directory.isEmpty {
      guard directory.hasPrefix("/") else {
        throw EngineError(
          .invalidInput, doing,
          "the working directory \"\(safeText(directory))\" is invalid: it needs to be an absolute path")
      }
      return cleanPath(directory)
    }
    return cleanPath("/" + input.image.workingDirectory)
  }

  private mutating func addUser() throws(EngineError) {
    let user = input.user
    guard input.idMap.maps(uid: user.uid, gid: user.gid) else {
      throw EngineError(
        .invalidInput, doing, "user \(user.uid) and group \(user.gid) are not among the ids mapped for the container",
        hint: "grant more subordinate ids in /etc/subuid and /etc/subgid")
    }
    spec.process.user = .init(
      uid: user.uid, gid: user.gid, umask: settings.umask,
      additionalGids: user.additionalGids.filter { input.idMap.maps(uid: user.uid, gid: $0) })
  }

  /// Docker's rules: ALL may be added and dropped; the inheritable and ambient sets stay empty (CVE-2022-24769), and
  /// only root has the others.
  private mutating func addCapabilities() throws(EngineError) {
    let added = try CapabilityWords(settings.capabilitiesAdded, doing: doing)
    let dropped = try CapabilityWords(settings.capabilitiesDropped, doing: doing)
    var set: CapabilitySet
    if settings.privileged {
      set = host.capabilities
    } else if added.all {
      set = host.capabilities.subtracting(dropped.set)
    } else {
      set = dropped.all ? [] : CapabilitySet.dockerDefault.intersection(host.capabilities).subtracting(dropped.set)
      let missing = added.set.subtracting(host.capabilities)
      guard missing.isEmpty else {
        throw EngineError(.denied, doing, "cannot grant \(missing.names.joined(separator: ", ")): we do not have it")
      }
      set.formUnion(added.set)
    }
    var lists = RuntimeSpec.Capabilities()
    lists.bounding = set.names
    if spec.process.user.uid == 0 {
      lists.effective = set.names
      lists.permitted = set.names
    }
    spec.process.capabilities = lists
  }

  private mutating func addLimits() throws(EngineError) {
    for limit in settings.ulimits {
      guard let number = ResourceLimitName.numbers.first(where: { $0.name == limit.name })?.number else {
        throw EngineError(.invalidInput, doing, "there is no ulimit called \"\(safeText(limit.name))\"")
      }
      var soft = limit.soft < 0 ? UInt64.max : UInt64(limit.soft)
      var hard = limit.hard < 0 ? UInt64.max : UInt64(limit.hard)
      let highest = host.isHostRoot ? UInt64.max : host.limit(number).hard
      if hard > highest {
        warnings.append("--ulimit \(limit.name): the hard limit of this user is \(highest); using that")
        hard = highest
        soft = min(soft, highest)
      }
      spec.process.rlimits.append(.init(type: "RLIMIT_" + limit.name.uppercased(), soft: soft, hard: hard))
    }
  }
}

/// Names of `--cap-add` and `--cap-drop`.
private struct CapabilityWords {
  var all = false
  var set: CapabilitySet = []

  init(_ words: [String], doing: String) throws(EngineError) {
    for word in words {
      let upper = word.uppercased()
      if upper == "ALL" {
        all = true
        continue
      }
      var unknown = ""
      guard let one = CapabilitySet(names: [upper.hasPrefix("CAP_") ? upper : "CAP_" + upper], unknown: &unknown) else {
        throw EngineError(.invalidInput, doing, "unknown capability \"\(safeText(word))\"", hint: "see capabilities(7)")
      }
      set.formUnion(one)
    }
  }
}

/// An absolute path without empty, `.` and `..` components.
func cleanPath(_ path: String) -> String {
  var parts: [Substring] = []
  for part in path.split(separator: "/") where part != "." {
    if part == ".." { _ = parts.popLast() } else { parts.append(part) }
  }
  return "/" + parts.joined(separator: "/")
}
