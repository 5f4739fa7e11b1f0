import Basics
import LinuxKernel
import TestSupport
import Testing

@Suite struct FileTests {
  @Test func `a lock is seen by others and goes with its holder`() throws {
    let directory = "/tmp/dhow-lock-\(newID().prefix(8))"
    try File.makeDirectory(directory)
    let path = directory + "/lock"
    do {
      let held = try FileLock.acquire(path)
      #expect(try FileLock.isHeld(path))
      let gotSecond =
        switch try FileLock.attempt(path) {
        case .some: true;
        case .none: false
        }
      #expect(!gotSecond)
      #expect(held.raw > 2)
    }
    // A process that another test is just starting holds all locks of this one until its exec.
    #expect(try eventually { try !FileLock.isHeld(path) })
    try File.remove(path)
    try File.remove(directory, directory: true)
  }

  @Test func `reading more than the limit is refused`() throws {
    let path = "/tmp/dhow-limit-\(newID().prefix(8))"
    let file = try File.open(path, 0o102, mode: 0o600)
    try File.writeAll(file.raw, [UInt8](repeating: 7, count: 1000))
    #expect(throws: SystemError("read", path, errno: 27)) { try File.readAll(path, limit: 999) }
    #expect(try File.readAll(path, limit: 1000).count == 1000)
    try File.remove(path)
  }

  @Test func `links cannot lead out of a root`() throws {
    let directory = "/tmp/dhow-root-\(newID().prefix(8))"
    try File.makeDirectory(directory)
    try File.symlink("/etc", at: File.workingDirectory, directory + "/l")
    let root = try File.openDirectory(directory)
    #expect(throws: SystemError("open", "l/passwd", errno: 2)) {
      _ = try File.openInRoot(root.raw, "l/passwd", 0).raw
    }
    #expect(throws: SystemError("open", "l", errno: 40)) { _ = try File.openBeneath(root.raw, "l", 0).raw }
    try File.remove(directory + "/l")
    try File.remove(directory, directory: true)
  }

  @Test func `a process is itself and no other`() throws {
    let me = try #require(ProcessIdentity.current)
    #expect(me.isAlive)
    #expect(!ProcessIdentity(pid: me.pid, startTime: me.startTime + 1).isAlive)
    #expect(try ProcessIdentity(pid: me.pid, startTime: me.startTime + 1).signal(0) == false)
  }

  @Test func `a spawned program ends with its code and has no other descriptors`() throws {
    let pipe = try File.pipe()
    let pid = try Spawn.start(
      "/bin/sh", ["sh", "-c", "ls /proc/self/fd | wc -l; exit 7"], environment: ["PATH=/bin:/usr/bin"],
      descriptors: [nil, pipe.write, nil])
    #expect(try Spawn.wait(pid) == .exited(7))
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = try bytes.withUnsafeMutableBytes { try File.read(pipe.read, into: $0) }
    // ls itself has 0, 1, 2 and the directory it lists.
    #expect(String(decoding: bytes[..<count], as: UTF8.self) == "4\n")
  }
}
