internal import Basics
internal import Glibc
internal import LinuxKernel

/// Which cgroups this process is in (/proc/self/cgroup, cgroups(7)).
struct CgroupMembership: Equatable, Sendable {
  /// Path in the unified hierarchy; nil without one.
  var unified: String?
  /// Paths in the hierarchies of version 1, by the list of controllers that names the mount.
  var controllers: [(names: [String], mount: String, path: String)] = []

  static func == (a: CgroupMembership, b: CgroupMembership) -> Bool {
    a.unified == b.unified && a.controllers.elementsEqual(b.controllers) { $0.mount == $1.mount && $0.path == $1.path }
  }

  init(_ text: String) {
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
      guard fields.count == 3, fields[2].hasPrefix("/") else { continue }
      if fields[0] == "0" && fields[1].isEmpty {
        unified = fields[2]
      } else if !fields[1].hasPrefix("name=") {
        controllers.append((fields[1].split(separator: ",").map(String.init), fields[1], fields[2]))
      }
    }
  }
}

/// The cgroup file systems of a machine and our place in them. `root` and `membership` are parameters for tests alone.
struct CgroupHost: Sendable {
  /// Where the hierarchies are mounted (file-hierarchy(7)).
  var root: String
  var membership: CgroupMembership

  init(root: String, membership: CgroupMembership) {
    self.root = root
    self.membership = membership
  }

  /// This machine, for the question whether it has cgroups that an ordinary user could use.
  static let withoutMembership = CgroupHost(root: "/sys/fs/cgroup", membership: CgroupMembership(""))

  /// This machine, seen by this process.
  static func current() throws(SystemError) -> CgroupHost {
    let bytes = try File.readAll("/proc/self/cgroup", limit: 1 << 16)
    return CgroupHost(root: "/sys/fs/cgroup", membership: CgroupMembership(String(decoding: bytes, as: UTF8.self)))
  }

  /// Only the unified hierarchy is mounted: the controllers are all in there.
  var isUnified: Bool { isThere(root + "/cgroup.controllers") }

  /// Our own cgroup of the unified hierarchy.
  var own: String? { membership.unified.map { join(root, $0) } }

  /// The topmost cgroup above or at our own that was given to us: where we may make others and move our processes
  /// between them. Without such a one we cannot limit anything (cgroups(7), "Delegation").
  var delegated: String? {
    guard isUnified, var candidate = own, isDelegated(candidate) else { return nil }
    while candidate.utf8.count > root.utf8.count, let slash = candidate.lastIndex(of: "/") {
      let parent = String(candidate[..<slash])
      guard parent.utf8.count >= root.utf8.count, isDelegated(parent) else { break }
      candidate = parent
    }
    return candidate
  }

  private func isDelegated(_ directory: String) -> Bool {
    ["", "/cgroup.procs", "/cgroup.subtree_control"].allSatisfy { access(directory + $0, W_OK) == 0 }
  }

  /// The directory of our own cgroup in the hierarchy of a controller of version 1.
  func directory(of controller: String) -> String? {
    for entry in membership.controllers where entry.names.contains(controller) {
      for name in [entry.mount, controller] {
        let mount = root + "/" + name
        // In a container the mount may show our cgroup as its root.
        for path in [join(mount, entry.path), mount] where isThere(path + "/cgroup.procs") { return path }
      }
    }
    return nil
  }

  func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

  func join(_ base: String, _ path: String) -> String { path == "/" ? base : base + path }
}
