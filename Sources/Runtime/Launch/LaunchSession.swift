import Basics
import CLinux
import Glibc
import LinuxKernel
import OCI

/// The standard streams, moved away from the numbers 0–2 when they would be overwritten before they are placed.
struct StandardStreams: ~Copyable {
  let stdio: LaunchStdio
  private let copies: [Int32]

  init(_ stdio: LaunchStdio, doing: String) throws(EngineError) {
    guard case .descriptors(let input, let output, let error) = stdio else {
      self.stdio = stdio
      self.copies = []
      return
    }
    var sources = [input, output, error]
    var copies: [Int32] = []
    for (number, source) in sources.enumerated() where source < 3 && source != Int32(number) {
      do throws(SystemError) { sources[number] = try File.duplicate(source).take() } catch {
        for copy in copies { close(copy) }
        throw error.engineError(doing)
      }
      copies.append(sources[number])
    }
    self.copies = copies
    self.stdio = .descriptors(sources[0], sources[1], sources[2])
  }

  deinit { for copy in copies { close(copy) } }
}

/// Memory for the stacks of children; freed when they have executed or are gone.
final class LaunchStacks {
  static let size = 128 << 10
  let first: UnsafeMutableRawPointer
  let second: UnsafeMutableRawPointer?

  init?(two: Bool) {
    guard let stack = dhow_map_stack(Self.size) else { return nil }
    first = stack
    second = two ? dhow_map_stack(Self.size) : nil
  }

  deinit {
    dhow_unmap_stack(first, Self.size)
    if let second { dhow_unmap_stack(second, Self.size) }
  }
}

/// What the stub does in the child's stead (stub.c).
enum StubRole {
  case trampoline
  case initProcess
  /// Is born in the joined pid namespace, and there becomes the program.
  case join(takesTerminal: Bool, deathSignal: Int32)
}

/// One child on its way to exec, and the conversation with it over its control socket.
final class LaunchSession {
  let doing: String
  /// The child's end, until it is cloned.
  let childEnd: Int32
  private let ourEnd: Int32
  private var childEndIsOpen = true
  private var stacks: LaunchStacks?
  private(set) var pid: Int32 = 0
  private var pidfd: Int32 = -1
  private var terminal: Int32 = -1
  private var stub: Int32 = -1

  init(doing: String) throws(EngineError) {
    self.doing = doing
    var sockets: (Int32, Int32) = (-1, -1)
    let made = withUnsafeMutableBytes(of: &sockets) {
      dhow_control_pair($0.baseAddress?.assumingMemoryBound(to: Int32.self))
    }
    guard made == 0 else { throw SystemError("socketpair").engineError(doing) }
    (ourEnd, childEnd) = sockets
  }

  deinit {
    close(ourEnd)
    if childEndIsOpen { close(childEnd) }
    for descriptor in [pidfd, terminal, stub] where descriptor >= 0 { close(descriptor) }
  }

  /// Makes the stub that executes the program in the child's stead. Answers its descriptor for the plan.
  func makeStub(_ role: StubRole, candidates: [String]) throws(EngineError) -> Int32 {
    var list: [CChar] = []
    for candidate in candidates where !candidate.isEmpty {
      list += candidate.utf8.map { CChar(bitPattern: $0) }
      list.append(0)
    }
    list.append(0)
    switch role {
    case .trampoline: stub = dhow_stub_image(childEnd, Int32(DHOW_STUB_TRAMPOLINE), 0, 0, list, list.count)
    case .initProcess: stub = dhow_stub_image(childEnd, Int32(DHOW_STUB_INIT), 0, 0, list, list.count)
    case .join(let takesTerminal, let deathSignal):
      stub = dhow_stub_image(
        childEnd, Int32(DHOW_STUB_JOIN), takesTerminal ? 1 : 0, deathSignal, list, list.count)
    }
    guard stub >= 0 else {
      throw EngineError(
        .unavailable, doing,
        "cannot make the program that starts the container's: \(SystemError("memfd_create").reason)",
        hint: "sysctl vm.memfd_noexec must not be 2")
    }
    return stub
  }

  /// Clones the child that walks `plan`. With `flags` the namespaces are made by clone itself. A child that joins others
  /// gets memory of its own, and a plan that forks a second stack.
  func start(
    _ plan: LaunchPlan, _ process: RuntimeSpec.Process, flags: UInt64, sharesMemory: Bool, isInit: Bool, cgroup: Int32?
  ) throws(EngineError) {
    guard let stacks = LaunchStacks(two: !sharesMemory) else { throw SystemError("mmap").engineError(doing) }
    self.stacks = stacks
    let description = plan.arena.allocate(MemoryLayout<dhow_plan>.size).bindMemory(to: dhow_plan.self, capacity: 1)
    description.initialize(to: dhow_plan())
    description.pointee.operations = UnsafePointer(
      plan.arena.bytes(plan.operations).assumingMemoryBound(to: dhow_operation.self))
    description.pointee.count = UInt32(plan.operations.count)
    description.pointee.control = childEnd
    description.pointee.arguments = plan.arena.strings(process.args)
    description.pointee.environment = plan.arena.strings(process.env)
    description.pointee.stub = stub
    // The name under which docker shows its own init.
    description.pointee.stub_arguments =
      isInit ? plan.arena.strings(["/sbin/docker-init"] + process.args) : description.pointee.arguments
    description.pointee.second_stack = stacks.second
    description.pointee.second_stack_size = LaunchStacks.size
    pid = dhow_launch(
      description, flags, sharesMemory ? 1 : 0, cgroup ?? -1, stacks.first, LaunchStacks.size, &pidfd)
    guard pid > 0 else { throw cloneRefusal(SystemError("clone")) }
    close(childEnd)
    childEndIsOpen = false
  }

  private func cloneRefusal(_ error: SystemError) -> EngineError {
    switch error.errno {
    case ENOSPC:
      EngineError(
        .limitReached, doing, "a limit of namespaces is reached", hint: "see the files /proc/sys/user/max_*_namespaces")
    case EPERM: EngineError(.denied, doing, "the kernel refuses to make namespaces for us: \(error.reason)")
    case EAGAIN: EngineError(.limitReached, doing, "the limit of processes is reached", hint: "ulimit -u")
    default: error.engineError(doing)
    }
  }

  /// Runs `body` while the child waits for us; ends the child when it throws.
  func whileStarting(_ body: (Int32) throws(EngineError) -> Void) throws(EngineError) {
    do throws(EngineError) { try body(pid) } catch {
      // A child that failed first has a report for `finish`, and what we could not do to it is only the consequence.
      var reported = pollfd(fd: ourEnd, events: Int16(POLLIN), revents: 0)
      if poll(&reported, 1, 0) == 1, reported.revents & Int16(POLLIN) != 0 { return }
      abandon()
      throw error
    }
  }

  private func abandon() {
    // By its number where the call is refused: it is our child and nobody else has waited for it.
    if dhow_pidfd_send_signal(pidfd, SIGKILL) != 0 { kill(pid, SIGKILL) }
    _ = try? Spawn.wait(pid)  // It was killed; how it ended says nothing.
  }

  /// Lets the child go on.
  func go() throws(EngineError) {
    var byte: UInt8 = 0
    // A child that is gone has reported why; that is read afterwards.
    if send(ourEnd, &byte, 1, Int32(MSG_NOSIGNAL)) < 0 && errno != EPIPE && errno != ECONNRESET {
      throw SystemError("send").engineError(doing)
    }
  }

  /// Waits until the child has forked into its pid namespace and is replaced by its sibling, which is our child too.
  func follow(_ plan: LaunchPlan, _ candidates: [String], _ program: RuntimeSpec.Process) throws(EngineError) {
    let first = pid
    guard let sibling = try awaitReport(plan, candidates, program, until: DHOW_REPORT_CHILD) else {
      _ = try? Spawn.wait(first)  // Gone without a word, which is the error just below.
      throw EngineError(.internal, doing, "the process that joins the namespaces vanished")
    }
    pid = sibling
    close(pidfd)
    pidfd = dhow_pidfd_open(sibling)
    _ = try? Spawn.wait(first)  // It left after its report; its code says nothing more.
    guard pidfd >= 0 else { throw SystemError("pidfd_open").engineError(doing) }
  }

  /// Waits until the program runs.
  func finish(
    _ plan: LaunchPlan, _ candidates: [String], _ program: RuntimeSpec.Process
  ) throws(EngineError) -> LaunchedProcess {
    _ = try awaitReport(plan, candidates, program, until: nil)
    guard let identity = ProcessIdentity(of: pid) else {
      throw EngineError(.internal, doing, "the process vanished while it started")
    }
    defer { (pidfd, terminal) = (-1, -1) }
    return LaunchedProcess(
      pid: pid, pidfd: OwnedDescriptor(owning: pidfd), startTime: identity.startTime, terminal: terminal)
  }

  /// Reads reports until one of kind `wanted`, whose pid is answered, or the end of the conversation, which is nil.
  private func awaitReport(
    _ plan: LaunchPlan, _ candidates: [String], _ program: RuntimeSpec.Process, until wanted: Int?
  ) throws(EngineError) -> Int32? {
    var report = dhow_report()
    while true {
      var descriptor: Int32 = -1
      let got = dhow_receive_report(ourEnd, &report, &descriptor)
      if descriptor >= 0 { terminal = descriptor }
      if got <= 0 { return nil }
      switch Int(report.kind) {
      case wanted: return report.pid
      case DHOW_REPORT_TERMINAL, DHOW_REPORT_CHILD: continue
      default:
        _ = try? Spawn.wait(pid)  // It left after its report; its code says nothing more.
        throw LaunchFailure.error(report, plan, candidates, program, doing: doing)
      }
    }
  }
}
