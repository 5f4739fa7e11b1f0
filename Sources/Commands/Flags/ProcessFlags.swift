internal import Basics
internal import ContainerEngine
internal import OCI
internal import Storage

extension ContainerFlags {
  /// What runs, under which name, and how it is logged and ended.
  static var process: [Flag<ContainerOptions>] { program + identity + life }

  private static var program: [Flag<ContainerOptions>] {
    [
      .list("attach", "a", "list", "Attach to STDIN, STDOUT or STDERR") { try $0.attach.name($1) }
        .completed(by: .words(["stdin", "stdout", "stderr"])),
      .text("entrypoint", nil, "string", "Overwrite the default ENTRYPOINT of the image") {
        $0.settings.entrypoint = entrypoint($1)
      },
      .list("env", "e", "list", "Set environment variables") {
        if let variable = try EnvironmentSyntax.variable($1) { $0.environment.append(variable) }
      },
      .list("env-file", nil, "list", "Read in a file of environment variables") { $0.environmentFiles.append($1) }
        .completed(by: .files),
      .toggle("http-proxy", nil, "Pass proxy environment variables of the caller") { $0.passesProxies = $1 }
        .defaulting(to: "true"),
      .toggle("init", nil, "Run an init inside the container that forwards signals and reaps processes") {
        $0.settings.usesInit = $1
      },
      .toggle("interactive", "i", "Keep STDIN open even if not attached") { $0.settings.openStdin = $1 },
      .toggle("rootfs", nil, "Take a directory DIR or DIR:O in place of IMAGE; with :O it stays unchanged") {
        $0.usesRootDirectory = $1
      },
      .toggle("tty", "t", "Allocate a pseudo-TTY") { $0.settings.terminal = $1 },
      .text("tz", nil, "string", "Set timezone in container") { $0.settings.timezone = $1 },
      .text("umask", nil, "string", "Set umask in container") {
        guard let mask = UInt32($1, radix: 8), mask <= 0o777 else {
          throw FlagValueError("not an octal number up to 777")
        }
        $0.settings.umask = mask
      },
      .text("user", "u", "string", "Username or UID (format: <name|uid>[:<group|gid>])") {
        guard !$1.utf8.contains(0), !$1.contains("\n") else { throw FlagValueError("malformed user") }
        $0.settings.user = $1.isEmpty ? nil : $1
      },
      .text("workdir", "w", "string", "Working directory inside the container") {
        guard $1.isEmpty || $1.hasPrefix("/") else {
          throw FlagValueError("the working directory '\($1)' is invalid, it needs to be an absolute path")
        }
        $0.settings.workingDirectory = $1.isEmpty ? nil : $1
      },
    ]
  }

  private static var identity: [Flag<ContainerOptions>] {
    [
      .list("annotation", nil, "map", "Add an annotation to the container (passed through to the OCI runtime)") {
        $0.settings.annotations.append(try EnvironmentSyntax.pair($1, kind: "annotation"))
      },
      .text("cidfile", nil, "string", "Write the container ID to the file") { $0.idFile = try LocalFile.absolute($1) }
        .completed(by: .files),
      .list("label", "l", "list", "Set meta data on a container") {
        $0.labels.append(try EnvironmentSyntax.pair($1))
      },
      .list("label-file", nil, "list", "Read in a line delimited file of labels") { $0.labelFiles.append($1) }
        .completed(by: .files),
      .text("name", nil, "string", "Assign a name to the container") {
        guard $1.isEmpty || Identifier.isName($1) else {
          throw FlagValueError("Invalid container name (\($1)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        }
        $0.name = $1.isEmpty ? nil : $1
      },
      .text("pidfile", nil, "string", "Write the process id of the container's program to the file") {
        $0.settings.pidFile = try LocalFile.absolute($1)
      }.completed(by: .files),
      .text("platform", nil, "string", "Set platform if the image has several") {
        do throws(OCIFormatError) { _ = try Platform(parsing: $1) } catch {
          throw FlagValueError("\(error.subject) \(error.reason)")
        }
        $0.settings.platform = $1
      },
      .text("pull", nil, "string", "Pull image before running (\"always\", \"missing\", \"never\")") {
        guard let policy = PullPolicy(rawValue: $1) else {
          throw EngineError(
            .usage, "", "invalid pull option: '\(safeText($1))': must be one of \"always\", \"missing\" or \"never\"")
        }
        $0.pull = policy
      }.defaulting(to: "\"missing\"").completed(by: .words(["always", "missing", "never"])),
      .toggle("quiet", "q", "Suppress the pull output") { $0.isQuiet = $1 },
      .toggle("replace", nil, "Remove a container of the same name first") { $0.replaces = $1 },
      .toggle("disable-content-trust", nil, "Skip image verification") { _, _ in }.hidden,
    ]
  }

  private static var life: [Flag<ContainerOptions>] {
    [
      .text("log-driver", nil, "string", "Logging driver for the container") {
        $0.settings.logDriver = try logDriver($1)
      }
      .defaulting(to: "\"json-file\"").completed(by: .words(["json-file", "local", "none"])),
      .list("log-opt", nil, "list", "Log driver options") { $0.settings.logOptions.append(try logOption($1)) },
      .list("requires", nil, "list", "Containers that are started before this one") {
        $0.settings.requires += $1.split(separator: ",").map(String.init)
      }.completed(by: .containers),
      restartFlag,
      .toggle("rm", nil, "Automatically remove the container and its associated anonymous volumes when it exits") {
        $0.settings.autoRemove = $1
      },
      .text("sdnotify", nil, "string", "Who tells systemd that the service is ready") {
        guard ["container", "conmon", "healthy", "ignore"].contains($1) else {
          throw FlagValueError("must be container, conmon, healthy or ignore")
        }
        $0.settings.notification = $1
      }.defaulting(to: "\"container\"").completed(by: .words(["container", "conmon", "healthy", "ignore"])),
      .text("stop-signal", nil, "string", "Signal to stop the container") {
        guard SignalName.number(of: $1) != nil else { throw FlagValueError("invalid signal: \($1)") }
        $0.settings.stopSignal = $1
      }.completed(by: .words(signals)),
      .unsigned("timeout", nil, "uint", "Seconds a container may run before it is killed") {
        guard $1 <= UInt64(Int32.max) else { throw FlagValueError("the timeout is out of range") }
        $0.settings.timeout = $1 == 0 ? nil : Int64($1)
      },
      .integer("stop-timeout", nil, "int", "Timeout (in seconds) to stop a container") {
        $0.settings.stopTimeout = try timeout($1)
      },
    ]
  }

  /// What a shell offers for a signal.
  static let signals = ["HUP", "INT", "QUIT", "KILL", "USR1", "USR2", "TERM", "CONT", "STOP"]

  /// Seconds to wait before a kill: -1 waits for ever.
  static func timeout(_ seconds: Int64) throws(FlagValueError) -> Int64 {
    guard (-1...Int64(Int32.max)).contains(seconds) else { throw FlagValueError("the timeout is out of range") }
    return seconds
  }

  /// docker's plain word; podman's JSON array of words is understood too.
  private static func entrypoint(_ text: String) -> [String] {
    if text.isEmpty { return [] }
    if text.hasPrefix("["), let json = try? JSON(parsing: text), let words = json.arrayValue?.compactMap(\.stringValue)
    {
      // Text that is no JSON array is a program whose name begins with a bracket.
      return words
    }
    return [text]
  }

  private static func logDriver(_ name: String) throws -> String {
    switch name {
    case "json-file", "local", "none": return name
    case "journald", "k8s-file", "passthrough", "passthrough-tty":
      throw EngineError(
        .unsupported, "--log-driver \(name)", "not in this version yet", hint: "json-file, local and none work")
    default:
      throw EngineError(
        .unsupported, "--log-driver \(name)", "no such driver here",
        hint: "use json-file and a program that forwards it")
    }
  }

  private static func logOption(_ text: String) throws -> (String, String) {
    let option = try EnvironmentSyntax.pair(text, kind: "log option")
    switch option.0 {
    case "max-size":
      guard try option.1 == "-1" || parseBytes(option.1) > 0 else { throw FlagValueError("max-size must be above 0") }
    case "max-file":
      guard let count = Int(option.1), (1...10_000).contains(count) else {
        throw FlagValueError("max-file must be a number above 0")
      }
    case "compress": _ = try parseBool(option.1)
    case "labels", "labels-regex", "env", "env-regex", "tag", "mode", "max-buffer-size": break
    default: throw FlagValueError("unknown log opt '\(option.0)'")
    }
    return option
  }

  static var restartFlag: Flag<ContainerOptions> {
    .text("restart", nil, "string", "Restart policy to apply when a container exits") {
      $0.settings.restart = try restartPolicy($1)
      $0.restartIsGiven = true
    }.defaulting(to: "\"no\"").completed(by: .words(["no", "always", "on-failure", "unless-stopped"]))
  }

  private static func restartPolicy(_ text: String) throws(FlagValueError) -> RestartPolicy {
    if let policy = RestartPolicy(text) { return policy }
    switch text.prefix(while: { $0 != ":" }) {
    case "no", "always", "unless-stopped":
      throw FlagValueError("invalid restart policy: maximum retry count can only be used with 'on-failure'")
    case "on-failure":
      throw FlagValueError("invalid restart policy format: maximum retry count must be an integer")
    default:
      throw FlagValueError(
        "invalid restart policy: unknown policy '\(text)'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
      )
    }
  }
}
