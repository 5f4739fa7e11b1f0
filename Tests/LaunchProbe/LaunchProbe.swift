import Basics
import Glibc
import LinuxKernel
import OCI
import Runtime

/// Starts one container straight through the launcher, for tests of the launcher alone:
/// `launch-probe REQUEST.json`, where the request is
/// `{"spec": config.json, "lower": [DIR…], "state": DIR, "directory": DIR, "terminal": BOOL, "init": BOOL,
/// "hidesBinary": BOOL, "exec": process}`; with `exec` that process is joined to the container and its end is waited for.
/// Exits with the program's code, or 125, 126, 127 with the error on standard error.
@main
struct LaunchProbe {
  static func main() {
    do {
      exit(try run(CommandLine.arguments))
    } catch let error as EngineError {
      complain("\(error.doing): \(error.reason)" + (error.hint.map { "\nhint: \($0)" } ?? ""))
      switch error.kind {
      case .commandNotFound: exit(127)
      case .commandNotExecutable: exit(126)
      default: exit(125)
      }
    } catch {
      complain("\(error)")
      exit(124)
    }
  }

  static func complain(_ text: String) {
    let bytes = Array((text + "\n").utf8)
    _ = write(2, bytes, bytes.count)
  }

  static func run(_ arguments: [String]) throws -> Int32 {
    let request = try JSONFields(JSON(parsing: try File.readAll(arguments[1], limit: 1 << 20)), "request")
    guard let specification = request.value("spec") else { throw request.failure("spec", "is missing") }
    var spec = try RuntimeSpec(json: specification)
    let account = Account.current()
    if account.uid != 0 { try UserNamespace.enter(try UserNamespace.map(for: account), account: account) }
    let root: RootFileSystem
    if let directory = try request.optionalString("directory") {
      root = .directory(directory)
    } else {
      let state = try request.string("state")
      for name in ["upper", "work"] { try File.ensureDirectory(state + "/" + name, mode: 0o755) }
      root = .overlay(
        lower: try request.strings("lower"), upper: state + "/upper", work: state + "/work", volatile: true)
      spec.root.path = state
    }
    var options = LaunchOptions(doing: "starting", rootFileSystem: root, inUserNamespace: account.uid != 0)
    options.usesInit = try request.bool("init")
    options.hidesBinary = try request.bool("hidesBinary")
    let stdio: LaunchStdio = try request.bool("terminal") ? .terminal(columns: 80, rows: 24) : .descriptors(0, 1, 2)
    guard let program = try request.fields("exec") else {
      let process = try Launcher.launch(spec, stdio: stdio, options: options)
      if process.terminal >= 0 { copyTerminal(process.terminal) }
      return try Spawn.wait(process.pid).shellCode
    }
    let process = try Launcher.launch(spec, stdio: .descriptors(0, 1, 2), options: options)
    usleep(200_000)  // Lets the container's own program come to where a test wants it.
    defer { kill(process.pid, SIGKILL) }
    let container = NamespaceJoin(
      process: ProcessIdentity(pid: process.pid, startTime: process.startTime),
      types: spec.linux.namespaces.map(\.type))
    var joining = JoinOptions(doing: "executing", container: container)
    joining.hidesBinary = options.hidesBinary
    let joined = try Launcher.join(try RuntimeSpec.Process(program), stdio: stdio, options: joining)
    if joined.terminal >= 0 { copyTerminal(joined.terminal) }
    return try Spawn.wait(joined.pid).shellCode
  }

  /// Shows what the terminal says until its last user is gone.
  static func copyTerminal(_ terminal: Int32) {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(terminal, &buffer, buffer.count)
      if count <= 0 { return }
      _ = write(1, buffer, count)
    }
  }
}
