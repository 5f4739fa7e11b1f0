package import OCI

/// What the user asked of a container with the flags of `run` and `create`, complete and checked, without the image's
/// defaults merged in. It is a pure value: the command line makes it, the record keeps it, `RuntimeSpecBuilder` reads it.
/// What is nil or empty was not asked for.
package struct ContainerSettings: Sendable {
  /// Arguments after the image; nil: the image's CMD.
  package var command: [String]?
  /// `--entrypoint`; nil: the image's, empty: none (and no CMD of the image either).
  package var entrypoint: [String]?
  /// `NAME=value` in the order given, from -e and --env-file, already resolved against the caller's environment.
  package var environment: [String] = []
  package var workingDirectory: String?
  package var user: String?
  package var hostname: String?
  package var domainname: String?
  package var labels: [(String, String)] = []
  package var annotations: [(String, String)] = []
  package var terminal = false
  package var openStdin = false
  package var readOnly = false
  /// `--init`: our own PID 1 in front of the program.
  package var usesInit = false
  package var mounts: [MountRequest] = []
  /// `--volumes-from` as given, `CONTAINER[:ro|rw]`; what came of it is in `mounts`.
  package var volumesFrom: [String] = []
  /// `--shm-size` in bytes.
  package var shmSize: Int64?
  /// Name or number as given and checked.
  package var stopSignal: String?
  /// Seconds; -1 waits for ever.
  package var stopTimeout: Int64?
  /// Without the CAP_ prefix, upper case, or ALL.
  package var capabilitiesAdded: [String] = []
  package var capabilitiesDropped: [String] = []
  /// As given: `seccomp=…`, `no-new-privileges`, `systempaths=unconfined`, `mask=…`, `unmask=…`, `apparmor=…`, `label=…`.
  package var securityOptions: [String] = []
  package var privileged = false
  package var ulimits: [Ulimit] = []
  package var sysctls: [(String, String)] = []
  package var devices: [DeviceRequest] = []
  /// Names or numbers; `keep-groups` keeps the caller's.
  package var groupsAdded: [String] = []
  /// "" (default), `host`, `keep-id`, `keep-id:uid=U,gid=G`.
  package var userNamespace = ""
  /// "" (private), `host`, `container:ID`.
  package var pidNamespace = ""
  /// "" (private), `none`, `private`, `shareable`, `host`, `container:ID`.
  package var ipcNamespace = ""
  /// "" (private), `host`.
  package var utsNamespace = ""
  /// `none`, `host`, `container:ID`, or the name of the first of `networks`; "" is none, as records
  /// have it that were made before there were networks.
  package var network = ""
  package var networks: [NetworkAttachment] = []
  /// `-p`.
  package var ports: [PortBinding] = []
  /// `-P`.
  package var publishesAllPorts = false
  /// `--expose`: `80/tcp`.
  package var exposedPorts: [String] = []
  /// `--link`: the other container's id and its name here.
  package var links: [(String, String)] = []
  /// `--egress`: nil is everything.
  package var egress: String?
  /// "" (default: private on v2), `host`, `private`.
  package var cgroupNamespace = ""
  /// `enabled`, `disabled`, `no-conmon`, `split`.
  package var cgroups = "enabled"
  package var cgroupParent: String?
  /// `HOST:ADDRESS`.
  package var extraHosts: [String] = []
  package var dnsServers: [String] = []
  package var dnsSearch: [String] = []
  package var dnsOptions: [String] = []
  /// `json-file`, `local` or `none`.
  package var logDriver = "json-file"
  package var logOptions: [(String, String)] = []
  package var autoRemove = false
  package var restart = RestartPolicy()
  /// `--health-…`: what is 0 or empty is the image's; `["NONE"]` after `--no-healthcheck`; nil: all is the image's.
  package var healthcheck: Healthcheck?
  package var healthAction = HealthAction.none
  /// `--timeout`: seconds a run may last; nil for ever.
  package var timeout: Int64?
  package var resources = ResourceLimits()
  package var oomScoreAdjustment: Int64?
  /// `--rootfs`: a directory of the host instead of an image.
  package var rootDirectory: RootDirectory?
  /// `--runtime`: nil is the built-in one, else a name or a path.
  package var runtime: String?
  /// `--platform` as given.
  package var platform: String?
  /// `--pidfile`: where the program's pid is written.
  package var pidFile: String?
  /// `--http-proxy`: proxy variables of the caller to pass in; empty after `--http-proxy=false`.
  package var proxyEnvironment: [String] = []
  package var umask: UInt32?
  package var timezone: String?
  /// `--sdnotify`: `container`, `conmon`, `healthy` or `ignore`; nil is `container`.
  package var notification: String?
  /// `--requires`: names or ids of containers that are started before.
  package var requires: [String] = []
  /// The words after `run` or `create`, for `generate systemd --new`; empty when they may not be kept.
  package var creation: [String] = []

  package init() {}
}

/// One network that a container is on.
package struct NetworkAttachment: Equatable, Sendable {
  package var network: String
  package var aliases: [String] = []
  package var ip: String?
  package var ip6: String?
  package var mac: String?

  package init(_ network: String) { self.network = network }
}

/// One `-p`: a port of the container on one of the host's.
package struct PortBinding: Equatable, Sendable {
  /// Address of the host; empty is every one.
  package var hostAddress: String
  /// 0 is any free port; with `lastHostPort` above it the first free one of the range.
  package var hostPort: UInt16
  package var lastHostPort: UInt16
  package var containerPort: UInt16
  /// `tcp` or `udp`.
  package var transport: String

  package init(hostAddress: String, hostPort: UInt16, lastHostPort: UInt16, containerPort: UInt16, transport: String) {
    self.hostAddress = hostAddress
    self.hostPort = hostPort
    self.lastHostPort = lastHostPort
    self.containerPort = containerPort
    self.transport = transport
  }
}

/// One `-v`, `--mount` or `--tmpfs`.
package struct MountRequest: Equatable, Sendable {
  package enum Kind: String, Sendable { case bind, volume, tmpfs }
  package var kind: Kind
  /// Absolute host path of a bind, name of a volume (empty: anonymous), empty for tmpfs.
  package var source: String
  /// Absolute path in the container.
  package var target: String
  package var readOnly = false
  /// Of a bind: `rprivate`, `private`, `rshared`, `shared`, `rslave`, `slave`; nil is `rprivate`.
  package var propagation: String?
  /// Of a volume: made for this mount, and gone with the container when that is asked for.
  package var isAnonymous = false
  /// Of a volume: what the image has at the target is copied into a new one (`volume-nocopy`, `:nocopy` turn it off).
  package var copiesUp = true
  /// Of a volume: the directory or file in it that is mounted, relative; empty is all of it.
  package var subpath = ""
  /// Of a volume that is made for this mount: `NAME=VALUE`.
  package var volumeLabels: [String] = []
  /// Of a volume that is made for this mount: the driver's options, `NAME=VALUE`.
  package var volumeOptions: [String] = []
  /// `:U`: all in the source is given to the container's user when it starts.
  package var chownsSource = false
  /// `:O`: changes go to a layer that ends with the container's run.
  package var isOverlay = false
  /// Of a bind: whether submounts come along, and whether a read-only bind makes them read-only too.
  package var recursive: Recursive = .enabled
  /// Asked for with `-v`, which makes a missing source directory of a bind; `--mount` does not.
  package var createsSource = false
  /// Of a tmpfs: `size=…`, `mode=…`, `uid=…`, `noexec`, … as given and checked; also extra options of a bind
  /// (`nosuid`, `nodev`, `noexec`, `exec`, `suid`, `dev`).
  package var options: [String] = []

  package enum Recursive: String, Sendable { case enabled, disabled, writable, readonly }

  package init(kind: Kind, source: String, target: String) {
    self.kind = kind
    self.source = source
    self.target = target
  }
}

/// One `--device HOST[:CONTAINER[:PERMISSIONS]]`.
package struct DeviceRequest: Equatable, Sendable {
  package var host: String
  package var container: String
  /// A subset of `rwm`.
  package var permissions: String

  package init(host: String, container: String, permissions: String) {
    self.host = host
    self.container = container
    self.permissions = permissions
  }
}

/// One `--ulimit`; -1 is unlimited.
package struct Ulimit: Equatable, Sendable {
  /// Lower case without RLIMIT_, such as `nofile`.
  package var name: String
  package var soft: Int64
  package var hard: Int64

  package init(name: String, soft: Int64, hard: Int64) {
    self.name = name
    self.soft = soft
    self.hard = hard
  }
}

/// `--rootfs DIR[:O]`.
package struct RootDirectory: Equatable, Sendable {
  /// Absolute host path.
  package var path: String
  /// With `:O` the directory is the lower layer of an overlay and stays unchanged.
  package var overlay: Bool

  package init(path: String, overlay: Bool) {
    self.path = path
    self.overlay = overlay
  }
}

/// Resource limits, as asked; what is in force is read back from the kernel.
package struct ResourceLimits: Equatable, Sendable {
  /// Bytes.
  package var memory: Int64?
  package var memoryReservation: Int64?
  /// Bytes of memory and swap together; -1 is unlimited swap.
  package var memorySwap: Int64?
  package var nanoCPUs: Int64?
  package var cpuShares: Int64?
  /// Microseconds.
  package var cpuPeriod: Int64?
  package var cpuQuota: Int64?
  package var cpusetCPUs: String?
  package var cpusetMems: String?
  /// -1 is unlimited.
  package var pidsLimit: Int64?
  package var blkioWeight: Int64?

  package init() {}

  package var isEmpty: Bool { self == ResourceLimits() }
}
