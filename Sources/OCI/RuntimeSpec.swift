/// A container as the OCI runtime specification 1.2 describes it (config.json): what our own launcher carries out and
/// what `--runtime crun|runc` is handed. Members the engine never sets are not modelled; a bundle is always written by
/// us and never read back from strangers.
package struct RuntimeSpec: Equatable, Sendable {
  package static let currentVersion = "1.2.0"

  package var ociVersion = RuntimeSpec.currentVersion
  package var process = Process()
  package var root = Root()
  package var hostname: String?
  package var domainname: String?
  /// In mounting order.
  package var mounts: [Mount] = []
  package var hooks = Hooks()
  package var annotations: [String: String] = [:]
  package var linux = Linux()

  package init() {}

  /// The program and the credentials it starts with (config.md, "Process").
  package struct Process: Equatable, Sendable {
    package var terminal = false
    package var consoleSize: ConsoleSize?
    package var user = User()
    /// Command line; the first element is looked up in the container's PATH when it has no slash.
    package var args: [String] = []
    /// `NAME=value` in order, names unique.
    package var env: [String] = []
    /// Absolute, inside the container.
    package var cwd = "/"
    package var capabilities = Capabilities()
    package var rlimits: [ResourceLimit] = []
    package var noNewPrivileges = false
    package var apparmorProfile: String?
    package var selinuxLabel: String?
    package var oomScoreAdj: Int?

    package init() {}
  }

  package struct ConsoleSize: Equatable, Sendable {
    package var height: UInt16
    package var width: UInt16
    package init(height: UInt16, width: UInt16) {
      self.height = height
      self.width = width
    }
  }

  /// Ids as seen inside the container.
  package struct User: Equatable, Sendable {
    package var uid: UInt32 = 0
    package var gid: UInt32 = 0
    /// Octal file mode mask, nil keeps the launcher's default of 022.
    package var umask: UInt32?
    package var additionalGids: [UInt32] = []
    package init(uid: UInt32 = 0, gid: UInt32 = 0, umask: UInt32? = nil, additionalGids: [UInt32] = []) {
      self.uid = uid
      self.gid = gid
      self.umask = umask
      self.additionalGids = additionalGids
    }
  }

  /// The five sets of capabilities(7), each a list of `CAP_…` names.
  package struct Capabilities: Equatable, Sendable {
    package var bounding: [String] = []
    package var effective: [String] = []
    package var inheritable: [String] = []
    package var permitted: [String] = []
    package var ambient: [String] = []
    package init() {}
  }

  /// One of setrlimit(2), such as `RLIMIT_NOFILE`. `UInt64.max` is "unlimited".
  package struct ResourceLimit: Equatable, Sendable {
    package var type: String
    package var soft: UInt64
    package var hard: UInt64
    package init(type: String, soft: UInt64, hard: UInt64) {
      self.type = type
      self.soft = soft
      self.hard = hard
    }
  }

  package struct Root: Equatable, Sendable {
    /// For our launcher the place where the root file system gets mounted; for a bundle "rootfs".
    package var path = "rootfs"
    package var readonly = false
    package init() {}
  }

  /// One mount (config.md, "Mounts"). A bind mount has type "bind" and `bind` or `rbind` among its options.
  package struct Mount: Equatable, Sendable {
    package var destination: String
    package var type: String
    package var source: String
    /// The words of mount(8) that the specification lists; the rest is data for the file system.
    package var options: [String]
    /// Not of the specification: a start fails when a component of the source's path is a link.
    package var refusesLinks = false

    package init(destination: String, type: String, source: String, options: [String] = []) {
      self.destination = destination
      self.type = type
      self.source = source
      self.options = options
    }
  }

  /// Programs run around the container's life. Taken from the user's own configuration only, never from an image.
  package struct Hooks: Equatable, Sendable {
    package var prestart: [Hook] = []
    package var createRuntime: [Hook] = []
    package var createContainer: [Hook] = []
    package var startContainer: [Hook] = []
    package var poststart: [Hook] = []
    package var poststop: [Hook] = []
    package init() {}
  }

  package struct Hook: Equatable, Sendable {
    package var path: String
    package var args: [String]
    package var env: [String]
    /// Seconds, nil for no limit.
    package var timeout: Int?
    package init(path: String, args: [String] = [], env: [String] = [], timeout: Int? = nil) {
      self.path = path
      self.args = args
      self.env = env
      self.timeout = timeout
    }
  }
}
