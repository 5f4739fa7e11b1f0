internal import Basics
internal import OCI
internal import Storage

extension ContainerFlags {
  /// How the container's health is checked.
  static var health: [Flag<ContainerOptions>] {
    [
      .text("health-cmd", nil, "string", "Command to run to check health") { $0.check.test = try healthTest($1) },
      .duration("health-interval", nil, "Time between running the check (ms|s|m|h) (default 0s)") {
        $0.check.interval = try checked($1)
      },
      .text("health-on-failure", nil, "string", "What to do with a container that becomes unhealthy") {
        guard let action = HealthAction(rawValue: $1) else {
          throw FlagValueError("must be one of none, kill, restart, stop")
        }
        $0.settings.healthAction = action
      }.defaulting(to: "\"none\"").completed(by: .words(["none", "kill", "restart", "stop"])),
      .integer("health-retries", nil, "int", "Consecutive failures needed to report unhealthy") {
        guard (0...Int64(Int32.max)).contains($1) else { throw FlagValueError("--health-retries cannot be negative") }
        $0.check.retries = $1
      },
      .duration("health-start-interval", nil, "Time between running the check during the start period (ms|s|m|h)") {
        $0.check.startInterval = try checked($1)
      },
      .duration("health-start-period", nil, "Start period for the container to initialize before failures count") {
        $0.check.startPeriod = try checked($1)
      },
      .duration("health-timeout", nil, "Maximum time to allow one check to run (ms|s|m|h)") {
        $0.check.timeout = try checked($1)
      },
      .toggle("no-healthcheck", nil, "Disable any container-specified HEALTHCHECK") { $0.hasNoHealthcheck = $1 },
    ]
  }

  /// docker's line for a shell; podman's JSON array of words and `none` are understood too.
  private static func healthTest(_ text: String) throws(FlagValueError) -> [String] {
    if text.isEmpty { return [] }
    if text.lowercased() == "none" { return ["NONE"] }
    // Text that is no JSON array is a line for the shell.
    guard text.hasPrefix("["), let words = (try? JSON(parsing: text))?.arrayValue?.compactMap(\.stringValue) else {
      return ["CMD-SHELL", text]
    }
    guard let first = words.first else { throw FlagValueError("the command is empty") }
    if first == "NONE" { return ["NONE"] }
    return first == "CMD" || first == "CMD-SHELL" ? words : ["CMD"] + words
  }

  private static func checked(_ nanoseconds: Int64) throws(FlagValueError) -> Int64 {
    guard nanoseconds == 0 || nanoseconds >= Healthcheck.leastDuration else {
      throw FlagValueError("cannot be less than 1ms")
    }
    return nanoseconds
  }
}

extension ContainerOptions {
  /// The check that the flags describe.
  fileprivate var check: Healthcheck {
    get { settings.healthcheck ?? Healthcheck(test: []) }
    set { settings.healthcheck = newValue }
  }
}
