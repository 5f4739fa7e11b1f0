import TestSupport
import Testing

/// A kernel, or a filter around us, that refuses a system call we need: the start goes on as safely without it, or is
/// refused by one sentence that names the way out (SECURITY F14).
@Suite(.serialized, .runsContainers, .requires(.root))
struct OldKernelTests {
  /// Numbers are the same on every architecture from 424 on; those below are x86_64's.
  struct Call: CustomStringConvertible, Sendable {
    var number: Int
    var description: String
    init(_ description: String, _ number: Int) {
      self.number = number
      self.description = description
    }
  }

  private static let enosys = 38
  private static let eperm = 1

  private func run(_ store: Store, _ call: Call, errno: Int, _ arguments: [String]) throws -> Outcome {
    let account = try #require(store.identity.account)
    let probe = try DhowBinary.program("host-probe")
    let words =
      [probe, "refuse", "\(errno)", "\(call.number)"]
      + ["setpriv", "--reuid=\(account.uid)", "--regid=\(account.gid)", "--init-groups"]
    return try TestSupport.run(
      words + store.command(arguments), environment: store.environment.merging(["HOME": account.home]) { $1 },
      directory: store.directory, timeout: 30)
  }

  @Test(arguments: [
    Call("openat2", 437), Call("clone3", 435), Call("mount_setattr", 442), Call("close_range", 436),
    Call("fsopen", 430), Call("fsconfig", 431), Call("fsmount", 432), Call("open_tree", 428), Call("move_mount", 429),
    Call("seccomp", 317), Call("pivot_root", 155), Call("signalfd4", 289), Call("epoll_create1", 291),
  ])
  func `a start without a call it needs is refused in one sentence`(call: Call) throws {
    try withStore { store in
      try store.loadBusybox()
      for errno in [Self.enosys, Self.eperm] {
        let outcome = try run(
          store, call, errno: errno, ["run", "--rm", "--network", "none", "busybox", "echo", "ran"])
        #expect(!outcome.out.contains("ran"), "\(outcome)")
        expectRefusal(
          outcome, status: 125, naming: errno == Self.enosys ? "function not implemented" : "not permitted")
        if errno == Self.enosys { #expect(outcome.err.contains("Linux 5.15"), "\(outcome)") }
      }
      #expect(store.processes() == [])
      try store.expectWorking("after \(call)")
    }
  }

  @Test(arguments: [
    Call("pidfd_open", 434), Call("pidfd_send_signal", 424), Call("keyctl", 250), Call("timerfd_create", 283),
    Call("faccessat2", 439), Call("copy_file_range", 326),
  ])
  func `a start without a call that only helps is as good`(call: Call) throws {
    try withStore { store in
      try store.loadBusybox()
      for errno in [Self.enosys, Self.eperm] {
        let script = "grep -h -E '^(CapEff|Seccomp):' /proc/self/status; id -u"
        let words = ["run", "--rm", "--network", "none", "busybox", "sh", "-c", script]
        let outcome = try run(store, call, errno: errno, words)
        #expect(outcome.lines == ["CapEff:\t00000000a80425fb", "Seccomp:\t2", "0"], "\(outcome)")
      }
      try store.expectWorking("after \(call)")
    }
  }

  /// What hides a binary that the container could write must never be left out (CVE-2019-5736).
  @Test(.requires(.runsRootless), arguments: [Call("memfd_create", 319), Call("execveat", 322)])
  func `a binary that the container could write is never shown to it`(call: Call) throws {
    try withStore { store in
      try store.loadBusybox()
      let account = try #require(store.identity.account)
      let own = store.directory + "/own"
      try mustRun(["cp", DhowBinary.path, own])
      try giveAway(own, to: account)
      let probe = try DhowBinary.program("host-probe")
      for errno in [Self.enosys, Self.eperm] {
        let words =
          [probe, "refuse", "\(errno)", "\(call.number)", "setpriv", "--reuid=\(account.uid)"]
          + ["--regid=\(account.gid)", "--init-groups", own]
          + store.command(["run", "--rm", "--network", "none", "busybox", "echo", "ran"]).dropFirst()
        let outcome = try TestSupport.run(words, environment: store.environment, directory: store.directory)
        expectRefusal(
          outcome, status: 125, naming: errno == Self.enosys ? "function not implemented" : "not permitted")
      }
    }
  }
}
