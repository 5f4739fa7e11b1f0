import Basics
import LinuxKernel
import Storage
import TestSupport
import Testing

@Suite struct StateDirectoryTests {
  /// Runs a body with a fresh directory to put a store in.
  private func withPlace(_ body: (String) throws -> Void) throws {
    let place = try makeTemporaryDirectory("dhow-place")
    defer { _ = try? run(["rm", "-rf", "--", place]) }  // what stays behind is in a temporary directory
    try body(place)
  }

  private func open(_ root: String) throws {
    try StateDirectory(StateLocation(root: root, runRoot: root + "-run")).prepare()
  }

  @Test func `missing directories are made private`() throws {
    try withPlace { place in
      try open(place + "/a/b/store")
      for path in ["a", "a/b", "a/b/store", "a/b/store/blobs", "a/b/store/blobs/sha256", "a/b/store/staging"] {
        #expect(try File.status("\(place)/\(path)").mode == 0o700, "\(path)")
      }
      #expect(try readText(place + "/a/b/store/oci-layout") == #"{"imageLayoutVersion":"1.0.0"}"#)
    }
  }

  /// SECURITY E6.
  @Test func `a directory that others can reach is refused with its path`() throws {
    try withPlace { place in
      try makeDirectory(place + "/store", mode: 0o755)
      let error = try #require(throws: EngineError.self) { try open(place + "/store") }
      #expect(error.kind == .denied)
      #expect(error.reason.hasPrefix("\(place)/store has mode 755"))
      #expect(error.hint == "chmod 700 \(place)/store")
    }
  }

  /// SECURITY E6.
  @Test func `a parent in which anybody may rename is refused`() throws {
    try withPlace { place in
      try makeDirectory(place + "/open")
      try mustRun(["chmod", "0777", place + "/open"])
      #expect(throws: EngineError.self) { try open(place + "/open/store") }
      #expect(!exists(place + "/open/store"))
      try mustRun(["chmod", "1777", place + "/open"])
      try open(place + "/open/store")
    }
  }

  @Test(.enabled(if: Identity.callerIsRoot && Identity.unprivilegedAccount != nil, "needs root and another account"))
  func `root does not write in a user's store, nor a user in another's`() throws {
    try withPlace { place in
      let account = try #require(Identity.unprivilegedAccount)
      for path in ["/store", "/parent"] {
        try makeDirectory(place + path, mode: 0o700)
        try giveAway(place + path, to: account)
      }
      let error = try #require(throws: EngineError.self) { try open(place + "/store") }
      #expect(error.reason == "\(place)/store belongs to uid \(account.uid), not to uid 0")
      #expect(names(in: place + "/store").isEmpty)
      #expect(throws: EngineError.self) { try open(place + "/parent/store") }
      try mustRun(["ln", "-s", place + "/elsewhere", place + "/link"])
      try mustRun(["chown", "-h", account.name, place + "/link"])
      #expect(throws: EngineError.self) { try open(place + "/link") }
      #expect(!exists(place + "/elsewhere"))
    }
  }

  @Test func `our own link on the way is followed, a file or dots are refused`() throws {
    try withPlace { place in
      try makeDirectory(place + "/real", mode: 0o700)
      try mustRun(["ln", "-s", "real", place + "/link"])
      try open(place + "/link/store")
      #expect(exists(place + "/real/store/oci-layout"))
      try mustRun(["ln", "-s", "loop", place + "/loop"])
      #expect(throws: EngineError.self) { try open(place + "/loop") }
      #expect(throws: EngineError.self) { try open(place + "/real/../real") }
      try write("", to: place + "/file")
      #expect(throws: EngineError.self) { try open(place + "/file") }
    }
  }

  @Test func `an interrupted making is finished by the next writer`() throws {
    try withPlace { place in
      let location = StateLocation(root: place + "/store", runRoot: place + "/run")
      let store = try StateDirectory(location)
      try File.makeDirectory(at: store.root.raw, "blobs")
      try store.prepare()
      #expect(exists(place + "/store/blobs/sha512"))
      #expect(exists(place + "/store/index.json"))
    }
  }

  @Test func `a store without any runtime directory runs nothing`() throws {
    try withStore { store in
      #expect(try store.runRoot() == nil)
      #expect(try ContainerStore(store).idsInRunRoot().isEmpty)
      let run = try store.makeRunRoot()
      #expect(try File.status(run).mode == 0o700)
    }
  }

  @Test func `a moved root has a runtime directory of its own`() throws {
    let account = LinuxKernel.Account(uid: 4242, gid: 4242, name: nil, home: "/home/x")
    let one = try StateLocation.resolve(root: "/a/b/", runRoot: nil, account: account)
    let two = try StateLocation.resolve(root: "/a/./c", runRoot: nil, account: account)
    #expect(one.root == "/a/b")
    #expect(two.root == "/a/c")
    #expect(one.runRoot != two.runRoot)
    #expect(try StateLocation.resolve(root: "/a/b", runRoot: "/r", account: account).runRoot == "/r")
  }

  @Test func `root's place does not follow the environment`() throws {
    let root = LinuxKernel.Account(uid: 0, gid: 0, name: "root", home: "/root")
    #expect(
      try StateLocation.resolve(root: nil, runRoot: nil, account: root)
        == StateLocation(root: "/var/lib/dhow", runRoot: "/run/dhow"))
  }
}
