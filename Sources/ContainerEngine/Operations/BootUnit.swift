package import Basics
internal import Glibc
internal import LinuxKernel
internal import Storage

/// What becomes of containers at a boot of this machine.
package struct BootStatus: Equatable, Sendable {
  /// The init system is systemd.
  package var hasSystemd = false
  /// The unit is there that starts what restart policies say.
  package var isEnabled = false
  /// The user's own services run without a login (loginctl(1)); true of root.
  package var lingers = false

  package init() {}

  /// For a container whose restart policy starts it after a boot.
  package var words: String { !isEnabled ? "no: not enabled" : lingers ? "yes" : "no: linger off" }
}

/// One unit of systemd for all containers of a user: it starts after a boot what restart policies say.
struct BootUnit {
  static let name = "dhow-restart.service"
  /// Where loginctl(1) remembers whose services run without a login.
  private static let lingering = "/var/lib/systemd/linger/"
  /// podman's, which has the same meaning.
  static let command = ["start", "--all", "--filter", "should-start-on-boot=true"]

  let isRoot: Bool
  /// Of units, absolute.
  let directory: String

  init(_ account: Account, isRoot: Bool) throws(EngineError) {
    self.isRoot = isRoot
    if isRoot {
      directory = "/etc/systemd/system"
      return
    }
    func value(_ name: String) -> String? {
      ProcessEnvironment.entries.first { $0.hasPrefix(name + "=/") }.map { String($0.dropFirst(name.utf8.count + 1)) }
    }
    if let home = value("XDG_CONFIG_HOME") {
      directory = home + "/systemd/user"
    } else if let home = value("HOME") ?? account.home {
      directory = home + "/.config/systemd/user"
    } else {
      throw EngineError(.notFound, "finding the units of systemd", "this user has no home directory", hint: "set HOME")
    }
  }

  var path: String { directory + "/" + Self.name }
  private var wants: String { directory + "/" + (isRoot ? "multi-user" : "default") + ".target.wants" }
  private var link: String { wants + "/" + Self.name }

  /// A link that cannot be looked at is not one that systemd follows for this user.
  var isEnabled: Bool { (try? File.exists(link)) ?? false }

  static func lingers(_ account: Account) -> Bool {
    guard let name = account.name else { return false }
    // The directory is open to all; without it nobody lingers.
    return (try? File.exists(lingering + name)) ?? false
  }

  func text(program: [String], root: String) -> String {
    let network =
      isRoot ? ["Wants=network-online.target", "After=network-online.target"] : []
    let lines =
      [
        "# Written by `dhow system enable`, removed by `dhow system disable`.",
        "[Unit]",
        "Description=Containers that are to run after a boot",
        "Documentation=man:dhow-system-enable(1)",
      ] + network + [
        "RequiresMountsFor=\(SystemdWord.quoted(root))",
        "",
        "[Service]",
        "Type=oneshot",
        "RemainAfterExit=yes",
        // One container that does not start is no reason to end the others.
        "ExecStart=-" + (program + Self.command).map { SystemdWord.quoted($0) }.joined(separator: " "),
        "TimeoutStopSec=30",
        "Delegate=yes",
        "TasksMax=infinity",
        "",
        "[Install]",
        "WantedBy=\(isRoot ? "multi-user" : "default").target",
      ]
    return lines.joined(separator: "\n") + "\n"
  }

  /// Writes the unit and enables it, as systemctl(1) does.
  func enable(_ text: String) throws(SystemError) {
    var prefix = ""
    for part in wants.split(separator: "/") {
      prefix += "/" + part
      try File.ensureDirectory(prefix, mode: 0o755)
    }
    let temporary = path + ".new"
    do {
      let file = try File.open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode: 0o644)
      try File.writeAll(file.raw, Array(text.utf8), shown: temporary)
    }
    try File.rename(at: File.workingDirectory, temporary, to: File.workingDirectory, path)
    guard !isEnabled else { return }
    try systemCall("symlink", link) { Glibc.symlink("../" + Self.name, link) }
  }

  /// - Returns: whether there was anything to remove.
  func disable() throws(SystemError) -> Bool {
    let wasThere = isEnabled
    for file in [link, path] where unlink(file) != 0 && errno != ENOENT { throw SystemError("unlink", file) }
    return wasThere
  }
}

extension Engine {
  /// What a boot means for this user's containers.
  package func bootStatus() -> BootStatus {
    var status = BootStatus()
    // Nobody's unit is not enabled.
    guard let unit = try? BootUnit(account, isRoot: !isRootless) else { return status }
    // sd_booted(3)
    status.hasSystemd = (try? File.exists("/run/systemd/system")) ?? false
    status.isEnabled = unit.isEnabled
    status.lingers = !isRootless || BootUnit.lingers(account)
    return status
  }

  /// docker's rule for the start of its service: `always` starts what ever ran, `unless-stopped` what nobody stopped.
  func startsOnBoot(_ record: ContainerRecord, _ status: ContainerStatus) throws(EngineError) -> Bool {
    if case .created = status { return false }
    switch record.settings.restart.name {
    case .always: return true
    case .unlessStopped: return try !containers.isMarkedStopped(record.id)
    case .no, .onFailure: return false
    }
  }

  /// Removes what was to remove itself and could not: its monitor was killed, or the machine went down.
  package func removeLostOnes() {
    // One that cannot be read or removed stays for `rm`, which says why.
    for id in (try? containers.ids()) ?? [] {
      guard let record = try? containers.record(id), record.settings.autoRemove,
        case .lost(_, survivor: nil)? = try? containers.status(of: id)
      else { continue }
      try? removeContainer(id, force: false, volumes: true)
    }
  }

  /// Writes the unit that starts containers after a boot, and has systemd read it.
  /// - Parameter program: this program and what stands before the verb.
  /// - Returns: its path.
  package func enableBoot(program: [String]) throws(EngineError) -> String {
    let doing = "enabling the start after a boot"
    let unit = try BootUnit(account, isRoot: !isRootless)
    guard bootStatus().hasSystemd else {
      throw EngineError(
        .unsupported, doing, "the init system of this machine is not systemd",
        hint: "have it run at boot, as this user: dhow \(BootUnit.command.joined(separator: " "))")
    }
    try during(doing) { try unit.enable(unit.text(program: program, root: directory.location.root)) }
    try reloadUnits(doing: doing)
    return unit.path
  }

  /// Removes the unit. Containers that run go on.
  /// - Returns: whether there was one.
  package func disableBoot() throws(EngineError) -> Bool {
    let doing = "disabling the start after a boot"
    let unit = try BootUnit(account, isRoot: !isRootless)
    let wasThere = try during(doing) { try unit.disable() }
    if bootStatus().hasSystemd { try reloadUnits(doing: doing) }
    return wasThere
  }

  /// A manager that cannot be reached (no login session) reads its units when it starts.
  private func reloadUnits(doing: String) throws(EngineError) {
    guard let program = Spawn.systemProgram("systemctl") else { return }
    let words = ["systemctl"] + (isRootless ? ["--user"] : []) + ["daemon-reload"]
    try during(doing) {
      _ = try Spawn.wait(try Spawn.start(program, words, environment: ProcessEnvironment.entries))
    }
  }
}
