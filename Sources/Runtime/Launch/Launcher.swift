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

/// Starts containers from OCI runtime specs, and further programs in them. There is no intermediate process: the child
/// that clone3(2) makes in the new namespaces becomes the program.
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
    let joins = try JoinedNamespaces(options.joins, doing: options.doing)
    let namespaces = try NamespacePlan(spec.linux.namespaces, joins: options.joins)
    let candidates = try LaunchPlan.candidates(spec.process, doing: options.doing)
    var stub: [Int32] = []
    if options.hidesBinary || options.usesInit {
      stub.append(try session.makeStub(options.usesInit ? .initProcess : .trampoline, candidates: candidates))
    }
    var plan = LaunchPlan()
    try plan.build(
      spec, options: options, stdio: streams.stdio, kept: [session.childEnd] + stub, namespaces: namespaces,
      joins: joins,
      candidates: candidates)
    // A child before this one that took another user's ids did so in our memory, and the kernel has then made it
    // undumpable: the files of the next child in /proc would be root's (prctl(2), PR_SET_DUMPABLE).
    if namespaces.makesUser { _ = dhow_prctl(4, 1, 0) }  // PR_SET_DUMPABLE
    try session.start(
      plan, spec.process, flags: namespaces.cloneFlags, sharesMemory: joins.isEmpty, isInit: options.usesInit,
      cgroup: options.cgroup)
    try session.whileStarting { (pid) throws(EngineError) in
      if namespaces.makesUser { try writeMaps(pid, spec.linux, doing: options.doing) }
      try enterCgroups(pid, options.cgroupProcs, doing: options.doing)
      try session.go()
    }
    if namespaces.forks { try session.follow(plan, candidates, spec.process) }
    try session.whileStarting { (pid) throws(EngineError) in
      try beforeGo(pid)
      try session.go()
    }
    return try session.finish(plan, candidates, spec.process)
  }

  /// Starts a program in a living container (`exec`).
  ///
  /// An ordinary user calls it without having entered a user namespace: the container's is a grandchild of the host's,
  /// and only its owner outside has rights over it (user_namespaces(7)).
  package static func join(
    _ process: RuntimeSpec.Process, stdio: LaunchStdio, options: JoinOptions
  ) throws(EngineError) -> LaunchedProcess {
    let session = try LaunchSession(doing: options.doing)
    let streams = try StandardStreams(stdio, doing: options.doing)
    let joins = try JoinedNamespaces([options.container], doing: options.doing)
    let candidates = try LaunchPlan.candidates(process, doing: options.doing)
    // Without a user namespace of its own, the container's root may trace whatever appears in its pid namespace: only
    // the stub is born there. With one, our memory is beyond its rights, and the stub's would not be.
    let stubJoins =
      !options.container.types.contains(.user) && (options.seccomp == nil || options.filterAllowsLaunch)
    var stub: [Int32] = []
    if stubJoins {
      let role = StubRole.join(takesTerminal: streams.stdio.makesTerminal, deathSignal: options.deathSignal)
      stub.append(try session.makeStub(role, candidates: candidates))
    } else if options.hidesBinary {
      stub.append(try session.makeStub(.trampoline, candidates: candidates))
    }
    var plan = LaunchPlan()
    try plan.build(
      joining: process, options: options, stdio: streams.stdio, kept: [session.childEnd] + stub, joins: joins,
      stubJoins: stubJoins, candidates: candidates)
    try session.start(plan, process, flags: 0, sharesMemory: false, isInit: false, cgroup: options.cgroup)
    try session.whileStarting { (pid) throws(EngineError) in
      try enterCgroups(pid, options.cgroupProcs, doing: options.doing)
      try session.go()
    }
    try session.follow(plan, candidates, process)
    return try session.finish(plan, candidates, process)
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

  private static func enterCgroups(_ pid: Int32, _ files: [String], doing: String) throws(EngineError) {
    do throws(SystemError) {
      for path in files {
        let file = try File.open(path, O_WRONLY)
        try File.writeAll(file.raw, Array(String(pid).utf8), shown: path)
      }
    } catch { throw error.engineError(doing) }
  }
}

/// Descriptors of the processes whose namespaces are joined; they prove that each pid is still the process meant.
final class JoinedNamespaces {
  /// A pidfd and the CLONE_NEW flags for setns(2).
  let entries: [(pidfd: Int32, flags: UInt64)]

  /// Of the container whose IPC namespace is joined: its /dev/shm belongs to it.
  private(set) var lender: Int32?

  var isEmpty: Bool { entries.isEmpty }

  init(_ joins: [NamespaceJoin], doing: String) throws(EngineError) {
    var entries: [(pidfd: Int32, flags: UInt64)] = []
    for join in joins {
      let pidfd: Int32?
      do throws(SystemError) {
        if let opened = try join.process.open() { pidfd = opened.take() } else { pidfd = nil }
      } catch {
        for entry in entries { close(entry.pidfd) }
        throw error.engineError(doing)
      }
      guard let pidfd else {
        for entry in entries { close(entry.pidfd) }
        throw EngineError(.wrongState, doing, "the container whose namespaces are to be joined has ended")
      }
      // Joining the user namespace one is in is EINVAL (setns(2)): the container runs in ours with --userns host.
      let sharesUser = Self.userNamespace("\(join.process.pid)") == Self.userNamespace("self")
      let types = join.types.filter { $0 != .user || !sharesUser }
      entries.append((pidfd, types.reduce(0) { $0 | $1.cloneFlag }))
      if types.contains(.ipc) && !types.contains(.mount) { lender = pidfd }
    }
    self.entries = entries
  }

  deinit { for entry in entries { close(entry.pidfd) } }

  private static func userNamespace(_ pid: String) -> String? {
    // One that cannot be read is not ours.
    try? File.readLink("/proc/\(pid)/ns/user")
  }
}

/// Which namespaces are made and how.
struct NamespacePlan {
  /// Made by clone itself.
  private(set) var cloneFlags: UInt64 = 0
  /// Made by the child after it has joined others, before it forks.
  private(set) var earlyFlags: UInt64 = 0
  /// Made by the child once it is in its cgroup: the root of a cgroup namespace is where its maker is.
  private(set) var lateFlags: UInt64 = 0
  private(set) var made: Set<RuntimeSpec.NamespaceType> = []
  /// The child must fork to get into its pid namespace.
  private(set) var forks = false
  private(set) var joinsPid = false

  var makesUser: Bool { made.contains(.user) }
  var makesPid: Bool { made.contains(.pid) }

  init(_ namespaces: [RuntimeSpec.Namespace], joins: [NamespaceJoin]) throws(EngineError) {
    let joined = Set(joins.flatMap(\.types))
    for namespace in namespaces where namespace.path == nil && !joined.contains(namespace.type) {
      made.insert(namespace.type)
      if namespace.type == .cgroup {
        lateFlags |= namespace.type.cloneFlag
      } else if joins.isEmpty {
        cloneFlags |= namespace.type.cloneFlag
      } else {
        earlyFlags |= namespace.type.cloneFlag
      }
    }
    joinsPid = joined.contains(.pid)
    forks = !joins.isEmpty && (joinsPid || makesPid)
    guard made.contains(.mount) else {
      throw EngineError(.invalidInput, "starting the container", "it needs a mount namespace of its own")
    }
    guard !makesUser || joins.isEmpty else {
      throw EngineError(
        .unsupported, "starting the container",
        "a container that shares namespaces with another one must have the same --userns as that one")
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
