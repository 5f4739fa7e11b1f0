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

/// A child on its way to exec.
struct StartingProcess: ~Copyable {
  let pid: Int32
  let pidfd: OwnedDescriptor
  fileprivate let stacks: LaunchStacks
}

/// Memory for the stacks of children; freed when they have executed or are gone.
final class LaunchStacks {
  static let size = 128 << 10
  let first: UnsafeMutableRawPointer
  private(set) var second: UnsafeMutableRawPointer?

  init?(two: Bool) {
    guard let stack = dhow_map_stack(Self.size) else { return nil }
    first = stack
    if two { second = dhow_map_stack(Self.size) }
  }

  deinit {
    dhow_unmap_stack(first, Self.size)
    if let second { dhow_unmap_stack(second, Self.size) }
  }
}

/// The conversation with a child over its control socket.
final class LaunchSession {
  let doing: String
  let childEnd: Int32
  private let ourEnd: Int32
  private var childEndIsOpen = true

  init(doing: String) throws(EngineError) {
    self.doing = doing
    var sockets: (Int32, Int32) = (-1, -1)
    let made = withUnsafeMutableBytes(of: &sockets) { dhow_control_pair($0.baseAddress?.assumingMemoryBound(to: Int32.self)) }
    guard made == 0 else { throw SystemError("socketpair").engineError(doing) }
    (ourEnd, childEnd) = sockets
  }

  deinit {
    close(ourEnd)
    if childEndIsOpen { close(childEnd) }
  }

  /// Clones the child that walks `plan`.
  func start(
    _ plan: LaunchPlan, _ process: RuntimeSpec.Process, flags: UInt64, sharesMemory: Bool, options: LaunchOptions
  ) throws(EngineError) -> StartingProcess {
    guard let stacks = LaunchStacks(two: !sharesMemory) else { throw SystemError("mmap").engineError(doing) }
    var pidfd: Int32 = -1
    let description = plan.arena.allocate(MemoryLayout<dhow_plan>.size).bindMemory(to: dhow_plan.self, capacity: 1)
    description.initialize(to: dhow_plan())
    description.pointee.operations = UnsafePointer(
      plan.arena.bytes(plan.operations).assumingMemoryBound(to: dhow_operation.self))
    description.pointee.count = UInt32(plan.operations.count)
    description.pointee.control = childEnd
    description.pointee.arguments = plan.arena.strings(process.args)
    description.pointee.environment = plan.arena.strings(process.env)
    description.pointee.stub = -1
    description.pointee.second_stack = stacks.second
    description.pointee.second_stack_size = LaunchStacks.size
    let pid = dhow_launch(
      description, flags, sharesMemory ? 1 : 0, options.cgroup ?? -1, stacks.first, LaunchStacks.size, &pidfd)
    guard pid > 0 else { throw launchRefusal(SystemError("clone")) }
    close(childEnd)
    childEndIsOpen = false
    return StartingProcess(pid: pid, pidfd: OwnedDescriptor(owning: pidfd), stacks: stacks)
  }

  private func launchRefusal(_ error: SystemError) -> EngineError {
    switch error.errno {
    case ENOSPC: EngineError(.limitReached, doing, "a limit of namespaces is reached", hint: "see /proc/sys/user/max_*_namespaces")
    case EPERM: EngineError(.denied, doing, "the kernel refuses to make namespaces for us: \(error.reason)")
    case EAGAIN: EngineError(.limitReached, doing, "the limit of processes is reached", hint: "ulimit -u")
    default: error.engineError(doing)
    }
  }

  /// Runs `body` while the child waits for us; ends the child when it throws.
  func whileStarting(
    _ process: borrowing StartingProcess, _ body: (Int32) throws(EngineError) -> Void
  ) throws(EngineError) {
    do throws(EngineError) { try body(process.pid) } catch {
      // The child may have reported why before it left, and that is the cause then.
      _ = dhow_pidfd_send_signal(process.pidfd.raw, SIGKILL)
      _ = try? Spawn.wait(process.pid)  // It was killed; how it ended says nothing.
      throw error
    }
  }

  /// Lets the child go on.
  func go() throws(EngineError) {
    var byte: UInt8 = 0
    // A child that is gone has reported why; that is read afterwards.
    if send(ourEnd, &byte, 1, Int32(MSG_NOSIGNAL)) < 0 && errno != EPIPE && errno != ECONNRESET {
      throw SystemError("send").engineError(doing)
    }
  }

  /// Waits until the program runs.
  func finish(
    _ process: consuming StartingProcess, _ plan: LaunchPlan, _ candidates: [String], _ program: RuntimeSpec.Process
  ) throws(EngineError) -> LaunchedProcess {
    var terminal: Int32 = -1
    var report = dhow_report()
    while true {
      var descriptor: Int32 = -1
      let got = dhow_receive_report(ourEnd, &report, &descriptor)
      if descriptor >= 0 { terminal = descriptor }
      if got <= 0 { break }
      switch Int(report.kind) {
      case DHOW_REPORT_TERMINAL: continue
      default:
        if terminal >= 0 { close(terminal) }
        _ = try? Spawn.wait(process.pid)  // It left after its report; its code says nothing more.
        throw LaunchFailure.error(report, plan, candidates, program, doing: doing)
      }
    }
    guard let identity = ProcessIdentity(of: process.pid) else {
      throw EngineError(.internal, doing, "the process vanished while it started")
    }
    return LaunchedProcess(
      pid: process.pid, pidfd: process.pidfd, startTime: identity.startTime, terminal: terminal)
  }
}
