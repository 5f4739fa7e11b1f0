import TestSupport

/// A root file system as a plain directory, for `--rootfs`: an image author can arrange it in any hostile way.
struct RootTree {
  let store: Store
  let path: String

  /// busybox and the usual directories, owned by whoever runs the program.
  init(_ store: Store, _ name: String = "rootfs") throws {
    self.store = store
    path = try store.folder(name)
    for directory in ["bin", "etc", "tmp", "root", "proc", "sys", "dev"] { try store.folder("\(name)/\(directory)") }
    // Few links rather than all of them: each is a process, and every test makes a tree.
    let applets = "sh ls cat id ps tty stat grep cut tr head hostname sleep readlink true echo chgrp chmod pwd"
    try shell("cp /bin/busybox bin/busybox; for a in \(applets); do ln -s busybox bin/$a; done")
  }

  /// Runs a shell script in the tree, as the user who runs the program.
  func shell(_ script: String) throws {
    let outcome = try TestSupport.run(["sh", "-ec", "cd \"$1\"; \(script)", "sh", path], as: store.identity)
    guard outcome.succeeded else { throw FixtureError(outcome.description) }
  }

  /// `dhow run --rm --network none OPTIONS --rootfs TREE:O COMMAND`.
  @discardableResult
  func run(_ options: [String] = [], _ command: String..., timeout: Double = 60) throws -> Outcome {
    try store.dhow(words(options, command), timeout: timeout)
  }

  func words(_ options: [String], _ command: [String]) -> [String] {
    ["run", "--rm", "--network", "none"] + options + ["--rootfs", path + ":O"] + command
  }

  /// A shell script in the container.
  @discardableResult
  func sh(_ options: [String] = [], _ script: String, timeout: Double = 60) throws -> Outcome {
    try run(options, "sh", "-c", script, timeout: timeout)
  }
}

/// Every path below a directory with its owner, mode, size, link target and time of change: what an escape would disturb.
func census(_ directory: String) throws -> [String] {
  try mustRun(["find", directory, "-printf", "%P %u %g %m %s %l %C@ %T@\\n"]).lines.sorted()
}

/// Runs a test with a root tree of its own.
func withRootTree(_ body: (RootTree) throws -> Void) throws {
  try withStore { store in try body(try RootTree(store)) }
}
