package import Basics
import CLinux
import Glibc
package import LinuxKernel
package import OCI

/// A container's first process, or a process joined to a container: started, not yet waited for.
package struct LaunchedProcess: ~Copyable {
  /// As our pid namespace sees it. It is a child of ours.
  package let pid: Int32
  package let pidfd: OwnedDescriptor
  /// With the pid, the identity of the process (`ProcessIdentity`).
  package let startTime: UInt64
  /// Master of the pty when one was asked for; -1 otherwise. Owned by the receiver.
  package let terminal: Int32

  package init(pid: Int32, pidfd: consuming OwnedDescriptor, startTime: UInt64, terminal: Int32) {
    self.pid = pid
    self.pidfd = pidfd
    self.startTime = startTime
    self.terminal = terminal
  }
}

/// Starts a container from an OCI runtime spec. There is no intermediate process: the child that clone3(2) makes in the
/// new namespaces becomes the program.
package enum Launcher {
  /// - Parameter beforeGo: runs when the process exists and its ids are mapped, while it builds its root; the program
  ///   starts only after it returned. What it throws ends the launch.
  /// - Throws: `EngineError` of kind `commandNotFound` or `commandNotExecutable` when the program does not start.
  package static func launch(
    _ spec: RuntimeSpec, stdio: LaunchStdio, options: LaunchOptions,
    beforeGo: (Int32) throws(EngineError) -> Void = { _ in }
  ) throws(EngineError) -> LaunchedProcess {
    let session = try LaunchSession(doing: options.doing)
    let streams = try StandardStreams(stdio, doing: options.doing)
    var plan = LaunchPlan()
    let namespaces = try NamespacePlan(spec.linux.namespaces)
    let candidates = try plan.build(
      spec, options: options, stdio: streams.stdio, control: session.childEnd, namespaces: namespaces)
    let process = try session.start(
      plan, spec.process, flags: namespaces.cloneFlags, sharesMemory: true, options: options)
    try session.whileStarting(process) { (pid) throws(EngineError) in
      if namespaces.makesUser {
        try writeMaps(pid, spec.linux, doing: options.doing)
        try session.go()
      }
      try beforeGo(pid)
      try session.go()
    }
    return try session.finish(process, plan, candidates, spec.process)
  }

  /// Writes the id maps of the child's user namespace; we hold all capabilities over its parent, so no helper is needed.
  private static func writeMaps(_ pid: Int32, _ linux: RuntimeSpec.Linux, doing: String) throws(EngineError) {
    do throws(SystemError) {
      for (name, mappings) in [("uid_map", linux.uidMappings), ("gid_map", linux.gidMappings)] {
        let text = mappings.map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined()
        let file = try File.open("/proc/\(pid)/\(name)", O_WRONLY, shown: "the container's \(name)")
        try File.writeAll(file.raw, Array(text.utf8), shown: "the container's \(name)")
      }
    } catch { throw error.engineError(doing) }
  }
}

/// Which namespaces are made and how.
struct NamespacePlan {
  var cloneFlags: UInt64 = 0
  /// Made by the child itself, once it is in its cgroup: the root of a cgroup namespace is where its maker is.
  var unshareFlags: UInt64 = 0
  var makesUser = false
  var makesPid = false
  var makesNetwork = false
  var makesUTS = false
  var makesMount = false

  init(_ namespaces: [RuntimeSpec.Namespace]) throws(EngineError) {
    for namespace in namespaces where namespace.path == nil {
      switch namespace.type {
      case .user: makesUser = true
      case .pid: makesPid = true
      case .network: makesNetwork = true
      case .uts: makesUTS = true
      case .mount: makesMount = true
      default: break
      }
      if namespace.type == .cgroup {
        unshareFlags |= namespace.type.cloneFlag
      } else {
        cloneFlags |= namespace.type.cloneFlag
      }
    }
    guard makesMount else {
      throw EngineError(.invalidInput, "starting the container", "a container without its own mount namespace is refused")
    }
  }
}

extension RuntimeSpec.NamespaceType {
  /// The CLONE_NEW flag of clone(2).
  var cloneFlag: UInt64 {
    switch self {
    case .user: UInt64(DHOW_CLONE_NEWUSER)
    case .mount: UInt64(DHOW_CLONE_NEWNS)
    case .pid: UInt64(DHOW_CLONE_NEWPID)
    case .network: UInt64(DHOW_CLONE_NEWNET)
    case .ipc: UInt64(DHOW_CLONE_NEWIPC)
    case .uts: UInt64(DHOW_CLONE_NEWUTS)
    case .cgroup: UInt64(DHOW_CLONE_NEWCGROUP)
    }
  }
}
