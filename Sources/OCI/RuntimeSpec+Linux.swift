extension RuntimeSpec {
  /// The Linux part (config-linux.md).
  package struct Linux: Equatable, Sendable {
    /// Namespaces the container gets; one that is absent is the caller's own.
    package var namespaces: [Namespace] = []
    package var uidMappings: [IDMapping] = []
    package var gidMappings: [IDMapping] = []
    package var devices: [Device] = []
    /// Relative to the runtime's own cgroup unless absolute; nil makes none.
    package var cgroupsPath: String?
    package var resources = Resources()
    /// Name (dots) and value, in order.
    package var sysctl: [String: String] = [:]
    package var seccomp: Seccomp?
    /// Propagation of the root mount: private, slave, shared, unbindable and their recursive forms.
    package var rootfsPropagation: String?
    package var maskedPaths: [String] = []
    package var readonlyPaths: [String] = []
    package var mountLabel: String?

    package init() {}
  }

  package enum NamespaceType: String, CaseIterable, Sendable {
    case user, mount, pid, network, ipc, uts, cgroup
  }

  package struct Namespace: Equatable, Sendable {
    package var type: NamespaceType
    /// A namespace file to join; nil makes a new one.
    package var path: String?
    package init(_ type: NamespaceType, path: String? = nil) {
      self.type = type
      self.path = path
    }
  }

  /// One line of uid_map or gid_map (user_namespaces(7)).
  package struct IDMapping: Equatable, Sendable {
    package var containerID: UInt32
    package var hostID: UInt32
    package var size: UInt32
    package init(containerID: UInt32, hostID: UInt32, size: UInt32) {
      self.containerID = containerID
      self.hostID = hostID
      self.size = size
    }
  }

  package struct Device: Equatable, Sendable {
    /// `c`, `b`, `u` or `p` as in mknod(1).
    package var type: String
    package var path: String
    package var major: Int64
    package var minor: Int64
    package var fileMode: UInt32?
    package var uid: UInt32?
    package var gid: UInt32?
    package init(
      type: String, path: String, major: Int64, minor: Int64, fileMode: UInt32? = nil, uid: UInt32? = nil,
      gid: UInt32? = nil
    ) {
      self.type = type
      self.path = path
      self.major = major
      self.minor = minor
      self.fileMode = fileMode
      self.uid = uid
      self.gid = gid
    }
  }

  /// Limits of the container's cgroup (config-linux.md, "Control groups"); nil leaves the kernel's default.
  package struct Resources: Equatable, Sendable {
    package var devices: [DeviceRule] = []
    package var memory = Memory()
    package var cpu = CPU()
    /// Highest number of tasks, -1 for no limit.
    package var pidsLimit: Int64?
    package var blockIO = BlockIO()
    /// Raw files of cgroup v2 and what to write to them.
    package var unified: [String: String] = [:]

    package init() {}

    package var isEmpty: Bool { self == Resources() }
  }

  package struct DeviceRule: Equatable, Sendable {
    package var allow: Bool
    package var type: String?
    package var major: Int64?
    package var minor: Int64?
    /// Some of `rwm`.
    package var access: String
    package init(allow: Bool, type: String? = nil, major: Int64? = nil, minor: Int64? = nil, access: String) {
      self.allow = allow
      self.type = type
      self.major = major
      self.minor = minor
      self.access = access
    }
  }

  /// Bytes; -1 is unlimited.
  package struct Memory: Equatable, Sendable {
    package var limit: Int64?
    package var reservation: Int64?
    /// Memory and swap together, as docker counts it.
    package var swap: Int64?
    package var swappiness: Int64?
    package var disableOOMKiller = false
    package init() {}
  }

  package struct CPU: Equatable, Sendable {
    package var shares: Int64?
    /// Microseconds of each period.
    package var quota: Int64?
    package var period: Int64?
    package var cpus: String?
    package var mems: String?
    package init() {}
  }

  package struct BlockIO: Equatable, Sendable {
    package var weight: Int64?
    package var throttleReadBps: [Throttle] = []
    package var throttleWriteBps: [Throttle] = []
    package var throttleReadIOPS: [Throttle] = []
    package var throttleWriteIOPS: [Throttle] = []
    package init() {}
  }

  package struct Throttle: Equatable, Sendable {
    package var major: Int64
    package var minor: Int64
    package var rate: Int64
    package init(major: Int64, minor: Int64, rate: Int64) {
      self.major = major
      self.minor = minor
      self.rate = rate
    }
  }

  /// A system call filter (config-linux.md, "Seccomp").
  package struct Seccomp: Equatable, Sendable {
    package var defaultAction: String
    package var defaultErrnoRet: UInt32?
    package var architectures: [String] = []
    package var flags: [String] = []
    package var syscalls: [SeccompRule] = []
    package init(defaultAction: String) { self.defaultAction = defaultAction }
  }

  package struct SeccompRule: Equatable, Sendable {
    package var names: [String]
    package var action: String
    package var errnoRet: UInt32?
    package var args: [SeccompArgument]
    package init(names: [String], action: String, errnoRet: UInt32? = nil, args: [SeccompArgument] = []) {
      self.names = names
      self.action = action
      self.errnoRet = errnoRet
      self.args = args
    }
  }

  package struct SeccompArgument: Equatable, Sendable {
    package var index: UInt32
    package var value: UInt64
    package var valueTwo: UInt64
    package var op: String
    package init(index: UInt32, value: UInt64, valueTwo: UInt64 = 0, op: String) {
      self.index = index
      self.value = value
      self.valueTwo = valueTwo
      self.op = op
    }
  }
}
