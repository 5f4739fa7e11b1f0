internal import Basics
package import ContainerEngine
internal import Glibc
internal import LinuxKernel

extension Invocation {
  /// The engine on the store the user chose.
  package func engine() throws -> Engine {
    let engine = try Engine(options: EngineOptions(root: globals.root, runRoot: globals.runRoot))
    engine.warn = showWarning
    return engine
  }

  /// Does `act` for each target. A failure is shown and the rest is still done; the worst outcome is the command's.
  package func forEach(
    _ targets: [String], otherwise: ExitCode = .failure, _ act: (String) throws -> Void
  ) -> ExitCode {
    var code = ExitCode.success
    for target in targets {
      do {
        try act(target)
      } catch {
        report(error)
        code.worsen(to: ExitCode(of: error, otherwise: otherwise))
      }
    }
    return code
  }

  /// The exit code for how a program that was started ended; with `-d` its container's id is printed.
  package func exitCode(of outcome: RunOutcome) -> ExitCode {
    switch outcome {
    case .exited(let code): return ExitCode(code)
    case .unheard(let code, let errno):
      // docker's client fails by itself then; a program's own failure says more.
      report(
        SystemError("write", "standard output", errno: errno).engineError(
          "the program has ended, and part of its output is lost", hint: errno == ENOSPC ? "make room for it" : nil))
      return code == 0 ? .engine : ExitCode(code)
    case .started(let id):
      output.line(id)
      return .success
    case .detached: return .success
    }
  }

  /// docker's word and exit code when `attach` or `exec` was left by the detach keys (`run` and `start` then succeed).
  package func leftByKeys(_ outcome: RunOutcome) -> ExitCode? {
    guard outcome == .detached else { return nil }
    errors.line("read escape sequence")
    return .failure
  }

  /// docker's complaint when `-t` is asked for with standard input that is no terminal; nil when all is well.
  package func terminalComplaint(terminal: Bool, stdin: Bool) -> ExitCode? {
    guard terminal, stdin, isatty(STDIN_FILENO) != 1 else { return nil }
    errors.line("the input device is not a TTY")
    return .failure
  }

  /// Shows on standard error how an image is pulled that a command needs and that is not there.
  package func pullObserver(isQuiet: Bool) -> any TransferObserver {
    isQuiet ? SilentTransferView() : TransferView.make(errors, .pull)
  }

  /// Warnings of the engine, written out at once: they come before the program's own output.
  package func showWarning(_ sentence: String) {
    warn(sentence)
    // A stderr that cannot be written has nobody to be told.
    try? errors.flush()
  }
}
