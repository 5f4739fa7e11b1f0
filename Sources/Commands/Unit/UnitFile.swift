internal import Basics
internal import ContainerEngine
internal import Storage

/// A unit of systemd for one container (systemd.unit(5), systemd.service(5)).
struct UnitFile {
  /// What podman's `generate systemd` lets one say.
  struct Choices {
    var usesName = true
    /// The unit makes a new container at each start.
    var makesNew = false
    var isTemplate = false
    var hasHeader = true
    var restartPolicy = "on-failure"
    var restartSeconds: Int64?
    var startTimeout: Int64?
    var stopTimeout: Int64?
    var prefix = "container"
    var separator = "-"
    var after: [String] = []
    var wants: [String] = []
    var requires: [String] = []
    var environment: [String] = []
  }

  let record: ContainerRecord
  let choices: Choices
  /// The program and what stands before the verb.
  let program: [String]
  let isRoot: Bool
  let root: String

  /// Seconds that systemd waits longer than we do: to kill what we should have killed.
  private static let patience: Int64 = 10
  private static let defaultStopTimeout: Int64 = 10

  private var subject: String { choices.usesName ? record.name : record.id }

  /// Without `.service`.
  var name: String {
    let stem = choices.prefix.isEmpty ? subject : choices.prefix + choices.separator + subject
    return choices.isTemplate ? stem + "@" : stem
  }

  func text(doing: String) throws -> String {
    var lines: [String] = []
    if choices.hasHeader {
      lines += [
        "# \(name).service", "# Written by dhow \(ProductVersion.text), to be edited by hand. Put it into",
        isRoot ? "#   /etc/systemd/system/" : "#   ~/.config/systemd/user/",
        isRoot
          ? "# and say `systemctl enable --now \(name)`."
          : "# and say `systemctl --user enable --now \(name)`; to run without a login: `loginctl enable-linger`.", "",
      ]
    }
    lines += unitSection + [""]
    lines += try serviceSection(doing: doing) + [""]
    lines += ["[Install]", "WantedBy=\(isRoot ? "multi-user.target" : "default.target")"]
    return lines.joined(separator: "\n") + "\n"
  }

  private var unitSection: [String] {
    let image = record.image.isEmpty ? "" : " (\(record.image))"
    var lines = [
      "[Unit]", "Description=Container \(subject)\(SystemdWord.escaped(image))", "Documentation=man:dhow-run(1)",
    ]
    lines += [
      "Wants=network-online.target", "After=network-online.target", "RequiresMountsFor=\(SystemdWord.quoted(root))",
    ]
    let required = choices.requires
    if !choices.wants.isEmpty { lines.append("Wants=" + choices.wants.joined(separator: " ")) }
    if !required.isEmpty { lines.append("Requires=" + required.joined(separator: " ")) }
    let after = choices.after
    if !after.isEmpty { lines.append("After=" + after.joined(separator: " ")) }
    return lines
  }

  private func serviceSection(doing: String) throws -> [String] {
    var words = program
    var notifies = record.settings.notification.map { $0 != "ignore" } ?? false
    if choices.makesNew {
      let made = try UnitWords(record, doing: doing)
      words += ["run", "--rm", "--replace", "--name=" + (choices.isTemplate ? record.name + "-%i" : record.name)]
      words += ["--cgroups=split", "--sdnotify=" + (record.settings.notification ?? "conmon")]
      words += made.flags + made.operands
      notifies = record.settings.notification != "ignore"
    } else {
      words += ["start", "--attach", subject]
    }
    let container =
      choices.makesNew && choices.isTemplate ? record.name + "-%i" : choices.makesNew ? record.name : subject
    let seconds = choices.stopTimeout ?? record.settings.stopTimeout ?? Self.defaultStopTimeout
    var lines = ["[Service]", "Type=\(notifies ? "notify" : "exec")"]
    lines += choices.environment.map { "Environment=" + SystemdWord.quoted($0) }
    // One specifier is meant as such: the instance of a template.
    lines.append(
      "ExecStart="
        + words.map { SystemdWord.quoted($0, keeping: choices.isTemplate ? "-%i" : nil) }.joined(separator: " "))
    let stop = program + ["stop", "--time=\(seconds)", container]
    lines.append(
      "ExecStop="
        + stop.map { SystemdWord.quoted($0, keeping: choices.isTemplate ? "-%i" : nil) }.joined(separator: " "))
    lines += ["KillMode=mixed", "TimeoutStopSec=\(seconds < 0 ? "infinity" : String(seconds + Self.patience))"]
    if let timeout = choices.startTimeout { lines.append("TimeoutStartSec=\(timeout)") }
    lines.append("Restart=\(choices.restartPolicy)")
    if let pause = choices.restartSeconds { lines.append("RestartSec=\(pause)") }
    // What a program that SIGTERM has ended is reported as.
    lines += ["SuccessExitStatus=143", "Delegate=yes"]
    return lines
  }
}
