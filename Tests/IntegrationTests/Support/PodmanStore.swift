import TestSupport

/// podman with a store of its own in a test's directory, as the same user: for comparing.
struct PodmanStore {
  private let store: Store
  private let environment: [String: String]

  init(_ store: Store) throws {
    self.store = store
    let home = try store.folder("podman")
    try store.folder("podman/run", mode: 0o700)
    try store.file(
      "podman/storage.conf",
      """
      [storage]
      driver = "overlay"
      graphroot = "\(home)/graph"
      runroot = "\(home)/r"
      [storage.options.overlay]
      mount_program = ""
      """)
    // runc: Debian 12's crun refuses a hybrid of both versions of control groups.
    try store.file(
      "podman/containers.conf",
      """
      [containers]
      default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
      [engine]
      runtime = "runc"
      cgroup_manager = "cgroupfs"
      events_logger = "none"
      """)
    environment = [
      "CONTAINERS_STORAGE_CONF": home + "/storage.conf", "CONTAINERS_CONF": home + "/containers.conf",
      "XDG_RUNTIME_DIR": home + "/run", "HOME": home,
    ]
    // Its pause process would outlive the test; its mounts keep the directory busy.
    store.atEnd { [self] in
      _ = try run("rm", "-f", "-a", "-t", "0")
      _ = try run("system", "migrate")
      _ = try TestSupport.run(["umount", "-l", home + "/graph/overlay"])
    }
  }

  func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

  /// The same with the arguments in an array, with input, and in a directory other than the test's.
  func run(_ arguments: [String], input: [UInt8]? = nil, directory: String? = nil) throws -> Outcome {
    try TestSupport.run(
      ["podman"] + arguments, as: store.identity, environment: environment.merging(store.environment) { $1 },
      directory: directory ?? store.directory, input: input, timeout: 300)
  }

  @discardableResult
  func must(_ arguments: String...) throws -> Outcome {
    let outcome = try run(arguments)
    guard outcome.succeeded else { throw FixtureError(outcome.description) }
    return outcome
  }
}
