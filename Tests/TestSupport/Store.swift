internal import Glibc

/// A store of its own for one test: `--root` and `--runroot` in a temporary directory, and the program run on them.
package final class Store {
  /// The directory of everything of this test, owned by the identity; files a test needs go here.
  package let directory: String
  private static let directoryPrefix = "dt"
  /// In the path of every store's directory, and in few others.
  static let directoryMark = "/\(directoryPrefix)-"
  package let root: String
  package let runroot: String
  package let identity: Identity
  private var cleanUps: [() throws -> Void] = []
  private var serial = 0

  init(as identity: Identity) throws {
    self.identity = identity
    guard let account = identity.account else { throw FixtureError("no account for \(identity) on this machine") }
    // 0711: a container's mapped users reach their files through it, nobody lists it.
    directory = try makeTemporaryDirectory(Store.directoryPrefix, mode: 0o711)
    root = directory + "/s"
    runroot = directory + "/r"
    try giveAway(directory, to: account)
  }

  /// Runs a command of the program on this store to its end. Arguments are those after `dhow`.
  @discardableResult
  package func dhow(
    _ arguments: String..., input: [UInt8]? = nil, environment: [String: String] = [:], faults: [Fault] = [],
    directory: String? = nil, timeout: Double = 120
  ) throws -> Outcome {
    try dhow(
      arguments, input: input, environment: environment, faults: faults, directory: directory, timeout: timeout)
  }

  /// The same with the arguments in an array.
  @discardableResult
  package func dhow(
    _ arguments: [String], input: [UInt8]? = nil, environment: [String: String] = [:], faults: [Fault] = [],
    directory: String? = nil, timeout: Double = 120
  ) throws -> Outcome {
    try start(
      arguments, input: input.map { .bytes($0) } ?? .null, environment: environment, faults: faults,
      directory: directory
    ).wait(timeout: timeout)
  }

  /// Runs a command that the test takes for granted; anything but success is an error with what it wrote.
  @discardableResult
  package func must(
    _ arguments: String..., input: [UInt8]? = nil, environment: [String: String] = [:], timeout: Double = 120
  ) throws -> Outcome {
    let outcome = try dhow(arguments, input: input, environment: environment, timeout: timeout)
    guard outcome.succeeded else { throw FixtureError(outcome.description) }
    return outcome
  }

  /// Starts a command and leaves it running: for signals, input in pieces, and commands that follow.
  package func start(
    _ arguments: [String], input: ChildProcess.Input = .null, environment: [String: String] = [:], faults: [Fault] = [],
    directory: String? = nil
  ) throws -> ChildProcess {
    let all = self.environment.merging(Fault.environment(faults)) { $1 }.merging(environment) { $1 }
    let place = directory ?? self.directory
    guard let landscape else {
      return try ChildProcess(command(arguments), as: identity, environment: all, directory: place, input: input)
    }
    let words = try identity.prefix(environment: all, directory: place) + command(arguments)
    return try ChildProcess(landscape.entry + words, directory: place, input: input)
  }

  /// The words of a command on this store, for shells and terminals.
  package func command(_ arguments: [String]) -> [String] {
    [DhowBinary.path, "--root", root, "--runroot", runroot] + arguments
  }

  /// Marks every process of this store that keeps its environment, so that clean-up finds it.
  ///
  /// Containers of tests that are not about networks have none, which is quicker and asks nothing of the machine.
  package var environment: [String: String] { ["DHOW_TEST_STORE": directory, "DHOW_NETWORK": defaultNetwork] }
  /// The network of containers made without `--network`.
  package var defaultNetwork = "none"
  /// The network that commands run in; nil is the machine's.
  package var landscape: Landscape?

  /// The named fault points a command passes in all its processes, in order of their first passage, with how often.
  package func faultPointsPassed(by arguments: [String], input: [UInt8]? = nil) throws -> [(name: String, count: Int)] {
    serial += 1
    let trace = "\(directory)/trace.\(serial)"
    try write("", to: trace, mode: 0o666)
    let outcome = try dhow(arguments, input: input, environment: ["DHOW_FAULT_TRACE": trace])
    guard outcome.succeeded else { throw FixtureError(outcome.description) }
    var seen: [(name: String, count: Int)] = []
    for line in try readText(trace).split(separator: "\n").map(String.init) {
      if let index = seen.firstIndex(where: { $0.name == line }) {
        seen[index].count += 1
      } else {
        seen.append((line, 1))
      }
    }
    return seen
  }

  package func pausePoint(_ name: String) throws -> PausePoint {
    try PausePoint(name, directory: directory)
  }

  /// Makes a file in the test's directory that the identity owns, and gives its path.
  @discardableResult
  package func file(_ name: String, _ text: String = "", mode: UInt32 = 0o644) throws -> String {
    let path = "\(directory)/\(name)"
    try write(text, to: path, mode: mode)
    if let account = identity.account { try giveAway(path, to: account) }
    return path
  }

  /// Makes a directory in the test's directory that the identity owns, and gives its path.
  @discardableResult
  package func folder(_ name: String, mode: UInt32 = 0o755) throws -> String {
    let path = "\(directory)/\(name)"
    try makeDirectory(path, mode: mode)
    if let account = identity.account { try giveAway(path, to: account) }
    return path
  }

  /// Removes every container, running or not.
  package func removeContainers() throws {
    let ids = try must("ps", "-aq", "--no-trunc").lines
    if ids.isEmpty { return }
    let outcome = try dhow(["rm", "-f"] + ids)
    guard outcome.succeeded else { throw FixtureError(outcome.description) }
  }

  /// Loads the busybox fixture as `busybox:latest`.
  package func loadBusybox() throws {
    try must("load", "-q", "-i", ImageFixture.busybox())
  }

  /// Loads the debootstrap fixture as `debian:latest`.
  package func loadDebian() throws {
    try must("load", "-q", "-i", ImageFixture.debian(), timeout: 300)
  }

  /// Every path below the root directory, without the contents of files: to see that a command left nothing. As root, or as
  /// the identity itself.
  package func paths(below folder: String = "") throws -> [String] {
    try mustRun(["find", root + folder, "-mindepth", "1", "-printf", "%P\\n"]).lines.sorted()
  }

  /// Something to undo at the end, the last one first, whether the test fails or not.
  package func atEnd(_ cleanUp: @escaping () throws -> Void) {
    cleanUps.append(cleanUp)
  }

  /// Processes that belong to this store: commands and monitors by their environment, containers by their mounts.
  package func processes() -> [Int32] {
    let marker = Array("DHOW_TEST_STORE=\(directory)\0".utf8)
    let mount = Array("\(directory)/".utf8)
    return names(in: "/proc").compactMap { Int32($0) }.filter { pid in
      guard pid != getpid() else { return false }
      // A process that ends while we look, or has ended, is not one that stayed.
      if let environment = bytesIfReadable("/proc/\(pid)/environ"), contains(environment, marker) { return true }
      if let mounts = bytesIfReadable("/proc/\(pid)/mountinfo"), contains(mounts, mount) { return true }
      // A network's uplink has neither: its words name the directory.
      if let words = bytesIfReadable("/proc/\(pid)/cmdline"), words.starts(with: Array("/usr/bin/pasta".utf8)),
        contains(words, mount)
      {
        return true
      }
      return false
    }
  }

  /// Ends every container and process, and removes the directory. Gives what went wrong.
  func cleanUp() -> [String] {
    var problems: [String] = []
    for cleanUp in cleanUps.reversed() {
      do { try cleanUp() } catch { problems.append("\(error)") }
    }
    cleanUps = []
    if !processes().isEmpty {
      // What this does not end is ended by signal below.
      _ = try? removeContainers()
      for pid in processes() { kill(pid, SIGKILL) }
      if !eventually(within: 30, { processes().isEmpty }) { problems.append("processes stay: \(processes())") }
    }
    // The uplink outlives a network process that is killed, and its environment is its own.
    if let words = try? readText(runroot + "/network/uplink"), let pid = Int32(words.prefix { $0 != " " }),
      (try? readText("/proc/\(pid)/cmdline"))?.contains(directory) == true
    {
      kill(pid, SIGKILL)
    }
    // Files of mapped users are removable by root, or from within a user namespace that has the same map.
    let removal = ["sh", "-c", "chmod -R u+rwX \"$1\" 2>/dev/null; rm -rf -- \"$1\"", "sh", directory]
    let wrapped =
      Identity.callerIsRoot || identity.account?.hasSubordinateIDs != true
      ? removal : ["unshare", "--map-root-user", "--map-auto", "--setuid", "0", "--setgid", "0"] + removal
    do { try mustRun(wrapped) } catch { problems.append("removing \(directory): \(error)") }
    return problems
  }
}

/// Runs a test body with a store of its own and cleans up after it, also when it fails.
package func withStore<Result>(as identity: Identity = .standard, _ body: (Store) throws -> Result) throws -> Result {
  let store = try Store(as: identity)
  do {
    let result = try body(store)
    let problems = store.cleanUp()
    guard problems.isEmpty else { throw FixtureError("clean-up: " + problems.joined(separator: "; ")) }
    return result
  } catch {
    // The test's own error is the one to see.
    _ = store.cleanUp()
    throw error
  }
}
