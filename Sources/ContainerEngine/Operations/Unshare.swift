package import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

extension Engine {
  /// Becomes a command, or the user's shell, in the engine's user namespace with a mount namespace of its own: the
  /// answer to "who owns these files". Returns only to throw.
  package func unshare(_ command: [String]) throws(EngineError) -> Never {
    let doing = "entering the user namespace"
    guard account.uid != 0 else {
      throw EngineError(
        .unsupported, doing, "root's containers share the host's ids, there is no namespace to enter",
        hint: "use unshare(1) for a namespace of another kind")
    }
    let map: IDMap
    do throws(SystemError) { map = try UserNamespace.map(for: account) } catch { throw error.engineError(doing) }
    try UserNamespace.enter(map, account: account)
    do throws(SystemError) {
      try systemCall("unshare") { dhow_unshare(Int32(DHOW_CLONE_NEWNS)) }
    } catch { throw error.engineError(doing) }
    let arguments = command.isEmpty ? [shell] : command
    let failure = withCStrings(arguments) { argv -> Int32 in
      if let program = argv[0] { execvp(program, argv) }
      return errno
    }
    let error = SystemError("execute", arguments[0], errno: failure)
    throw EngineError(
      failure == ENOENT ? .commandNotFound : .commandNotExecutable, "starting \(arguments[0])", error.reason)
  }

  private var shell: String {
    guard let text = getenv("SHELL") else { return "/bin/sh" }
    let path = String(cString: text)
    return path.isEmpty ? "/bin/sh" : path
  }
}
