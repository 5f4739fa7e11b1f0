internal import Basics
internal import Dockerfile
internal import Glibc
internal import LinuxKernel
internal import Runtime
internal import Storage

/// A program of RUN at work.
final class RunningStep {
  let id: Int
  let node: InstructionNode
  let key: StepKey
  let history: String
  let process: LaunchedProcess
  /// What it writes on both its streams.
  let output: Int32
  /// The writable layer, which becomes the step's layer.
  let draft: LayerDraft
  /// Where something is mounted in the program's root.
  let stubs: Set<[UInt8]>
  let cgroup: CgroupPlacement
  /// Held until the program has ended: locks of cache mounts, descriptors of mounts.
  let held: [AnyObject]
  private var isOver = false

  init(
    id: Int, node: InstructionNode, key: StepKey, history: String, process: consuming LaunchedProcess, output: Int32,
    draft: LayerDraft, stubs: Set<[UInt8]>, cgroup: CgroupPlacement, held: [AnyObject]
  ) {
    self.id = id
    self.node = node
    self.key = key
    self.history = history
    self.process = process
    self.output = output
    self.draft = draft
    self.stubs = stubs
    self.cgroup = cgroup
    self.held = held
    _ = fcntl(output, F_SETFL, O_NONBLOCK)
  }

  deinit { close(output) }

  /// Passes on what there is.
  func readOutput(_ observer: any BuildObserver) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(output, &buffer, buffer.count)
      guard count > 0 else { return }
      observer.output(id, buffer[..<count])
    }
  }

  /// Takes the end of the program, which has ended.
  func end() throws(SystemError) -> ProcessEnd {
    isOver = true
    defer { cgroup.remove() }
    return try Spawn.wait(process.pid)
  }

  /// Ends the program. It is the first of its pid namespace: all that it started ends with it.
  func stop() {
    if isOver { return }
    kill(process.pid, SIGKILL)
    // It was killed; how it ended says nothing.
    _ = try? end()
  }
}
