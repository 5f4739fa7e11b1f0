import TestSupport
import Testing

/// A disk without a byte left (SECURITY F4): every operation ends in one sentence, what runs runs on, what makes room
/// works, and nothing half-made stays.
@Suite(.serialized, .runsContainers, .requires(.root, .program("mkfs.ext4")))
struct FullDiskTests {
  /// A store on a file system of its own that is filled and emptied; removed with the test.
  private struct SmallDisk {
    let store: Store
    let mount: String

    init(_ store: Store) throws {
      self.store = store
      let mount = try store.folder("disk")
      self.mount = mount
      let image = store.directory + "/disk.img"
      try mustRun(["truncate", "-s", "64M", image])
      try mustRun(["mkfs.ext4", "-q", "-m", "0", image])
      try mustRun(["mount", "-o", "loop", image, mount])
      store.atEnd { try mustRun(["umount", "-l", mount]) }
      if let account = store.identity.account { try giveAway(mount, to: account) }
    }

    func dhow(_ arguments: String...) throws -> Outcome {
      try TestSupport.run(
        [DhowBinary.path, "--root", mount + "/s", "--runroot", store.runroot] + arguments, as: store.identity,
        environment: store.environment, directory: store.directory)
    }

    func must(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
      let outcome = try TestSupport.run(
        [DhowBinary.path, "--root", mount + "/s", "--runroot", store.runroot] + arguments, as: store.identity,
        environment: store.environment, directory: store.directory)
      #expect(outcome.status == 0, "\(outcome)", sourceLocation: sourceLocation)
    }

    /// To the last byte: large pieces first, then single ones.
    func fill() throws {
      let script = "for b in 64k 4k 1; do dd if=/dev/zero of=\"$1/fill.$b\" bs=$b 2>/dev/null; done; sync; true"
      try mustRun(["sh", "-c", script, "sh", mount], as: store.identity)
    }

    func free() throws { try mustRun(["sh", "-c", "rm -f \"$1\"/fill.*", "sh", mount]) }
  }

  private func withSmallDisk(_ body: (SmallDisk) throws -> Void) throws {
    try withStore { store in
      let disk = try SmallDisk(store)
      try disk.must("load", "-q", "-i", ImageFixture.busybox())
      try body(disk)
      try disk.free()
      try disk.must("system", "check")
      #expect(try disk.dhow("run", "--rm", "--network", "none", "busybox", "echo", "works").out == "works")
      _ = try disk.dhow("rm", "-f", "up")
    }
  }

  @Test func `what needs room says that there is none, and leaves nothing`() throws {
    try withSmallDisk { disk in
      try disk.fill()
      let archive = try ImageFixture.busybox()
      for (arguments, status) in [
        (["load", "-i", archive], 1), (["import", archive, "other"], 1),
        (["tag", "busybox", "second"], 1), (["run", "-d", "--network", "none", "busybox", "sleep", "9"], 125),
        (["run", "--rm", "--network", "none", "busybox", "true"], 125), (["create", "busybox"], 125),
      ] as [([String], Int32)] {
        let outcome = try TestSupport.run(
          [DhowBinary.path, "--root", disk.mount + "/s", "--runroot", disk.store.runroot] + arguments,
          as: disk.store.identity, environment: disk.store.environment)
        expectRefusal(outcome, status: status, naming: "no space left on device", hint: true)
      }
      #expect(try disk.dhow("images", "-q").lines.count == 1)
      #expect(try disk.dhow("ps", "-aq").out == "")
      #expect(names(in: disk.mount + "/s/staging") == [])
    }
  }

  /// Some hundred kilobytes that become more than the disk has.
  @Test(.requires(.registry, .program("curl")))
  func `a pull that fills the disk while it unpacks leaves nothing`() throws {
    let registry = try RegistryFixture()
    var tar = TarBuilder()
    tar.file(Array("zeros".utf8), [UInt8](repeating: 0, count: 80 << 20))
    try registry.put(SampleImage([tar.ended]), in: "app", tag: "1")
    try withSmallDisk { disk in
      for _ in 0..<2 {
        let outcome = try disk.dhow("pull", "-q", "\(registry.authority)/app:1")
        #expect(outcome.status == 1 && outcome.err.contains("left at \"zeros\""), "\(outcome)")
        #expect(try disk.dhow("images", "-q").lines.count == 1)
        #expect(names(in: disk.mount + "/s/staging") == [] && names(in: disk.mount + "/s/trash") == [])
        #expect(names(in: disk.mount + "/s/layers").count == 1)
      }
      try disk.must("system", "check")
    }
  }

  @Test func `what runs runs on, and can be looked at, stopped and removed`() throws {
    try withSmallDisk { disk in
      let loop = "while :; do echo tick; sleep 0.1; done"
      try disk.must("run", "-d", "--name", "up", "--network", "none", "busybox", "sh", "-c", loop)
      try disk.fill()
      #expect(try disk.dhow("exec", "up", "echo", "here").out == "here")
      let write = try disk.dhow("exec", "up", "dd", "if=/dev/zero", "of=/big", "bs=64k", "count=4")
      #expect(write.status == 1 && write.err.contains("No space left"), "\(write)")
      #expect(try disk.dhow("logs", "-n", "1", "up").out == "tick")
      #expect(try disk.dhow("ps", "--format", "{{.Names}} {{.State}}").out == "up running")
      #expect(try disk.dhow("stop", "-t", "1", "up").out == "up")
      #expect(try disk.dhow("ps", "-a", "--format", "{{.Names}} {{.State}}").out == "up exited")
      #expect(try disk.dhow("rm", "up").out == "up")
      #expect(try disk.dhow("ps", "-aq").out == "")
    }
  }

  @Test func `removal and pruning work with zero bytes free`() throws {
    try withSmallDisk { disk in
      try disk.must("create", "--name", "old", "busybox")
      try disk.must("tag", "busybox", "keep:me")
      try disk.fill()
      #expect(try disk.dhow("rm", "old").out == "old")
      try disk.fill()
      try disk.must("container", "prune", "-f")
      try disk.must("image", "prune", "-f")
      try disk.must("rmi", "keep:me")
      try disk.must("rmi", "busybox")
      #expect(try disk.dhow("images", "-q").out == "")
      #expect(names(in: disk.mount + "/s/layers") == [])
      try disk.free()
      try disk.must("load", "-q", "-i", ImageFixture.busybox())
    }
  }
}
