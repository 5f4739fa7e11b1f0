internal import Basics
internal import ContainerEngine
internal import LinuxKernel

/// `system enable`: after a boot, containers run as their restart policies say.
enum SystemEnableCommand: Command {
  static let words = CommandWords("", "Start containers after a boot as their restart policies say", .none)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    invocation.output.line(try engine.enableBoot(program: try UnitCommand.program(invocation.globals)))
    if !engine.bootStatus().lingers {
      let user = engine.account.name ?? String(engine.account.uid)
      invocation.warn(
        "\(user)'s services start with the first login and end with the last: an administrator can change that with "
          + "`loginctl enable-linger \(user)`")
    }
    return .success
  }
}

/// `system disable`: after a boot, nothing starts by itself.
enum SystemDisableCommand: Command {
  static let words = CommandWords("", "Start no container after a boot", .none)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    if try !invocation.engine().disableBoot() { invocation.warn("it was not enabled") }
    return .success
  }
}

extension Invocation {
  /// Says it when a restart policy promises more than the machine will do.
  func warnOfBoot(_ policy: String, _ engine: Engine) {
    guard policy == "always" || policy == "unless-stopped" else { return }
    let status = engine.bootStatus()
    guard status.hasSystemd else { return }
    if !status.isEnabled {
      showWarning("--restart \(policy): nothing starts it after a boot until `dhow system enable` was said once")
    } else if !status.lingers {
      let user = engine.account.name ?? String(engine.account.uid)
      showWarning(
        "--restart \(policy): it starts with \(user)'s first login after a boot, not before; "
          + "an administrator can change that with `loginctl enable-linger \(user)`")
    }
  }
}
