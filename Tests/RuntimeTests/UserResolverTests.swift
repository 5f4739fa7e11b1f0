import Basics
import LinuxKernel
import Runtime
import TestSupport
import Testing

/// Who a program runs as: SECURITY A12 and A13.
@Suite struct UserResolverTests {
  /// A root with these files; answers what `user` means there.
  private func resolve(
    _ user: String, groups: [String] = [], passwd: String = standardPasswd, group: String = standardGroup
  ) throws -> ResolvedUser {
    let root = try makeTemporaryDirectory("users")
    defer { _ = try? mustRun(["rm", "-rf", root]) }
    try makeDirectory(root + "/etc")
    try write(passwd, to: root + "/etc/passwd")
    try write(group, to: root + "/etc/group")
    return try UserResolver.resolve(user, groups: groups, doing: "testing") { (path) throws(SystemError) in
      try open(path, in: root)
    }
  }

  /// As the engine does: in-root, regular files only, never waiting for a FIFO's writer.
  private func open(_ path: String, in root: String) throws(SystemError) -> OwnedDescriptor? {
    let directory = try File.openDirectory(root)
    return try LayeredRootAccess.open(path, directory.raw)
  }

  private static let standardPasswd = """
    root:x:0:0:root:/root:/bin/sh
    1000:x:0:0:a number as a name:/root:/bin/sh
    99999999999:x:0:0::/root:/bin/sh
    web:x:33:33:web:/var/www:/bin/sh
    app:x:1000:1000::/home/app:/bin/sh
    """
  private static let standardGroup = """
    root:x:0:
    adm:x:4:web,app
    www:x:33:
    1000:x:0:
    docker:x:999:app
    """

  @Test(arguments: [
    ("", 0, 0, [0], "/root"), ("root", 0, 0, [0], "/root"), ("web", 33, 33, [33, 4], "/var/www"),
    ("1000", 1000, 1000, [1000, 4, 999], "/home/app"), ("app", 1000, 1000, [1000, 4, 999], "/home/app"),
    ("4242", 4242, 0, [0], "/"), ("web:adm", 33, 4, [4], "/var/www"), ("web:1000", 33, 1000, [1000], "/var/www"),
    (":5", 0, 5, [5], "/root"), ("007", 7, 0, [0], "/"), ("2147483647", 2_147_483_647, 0, [0], "/"),
  ])
  func `a user is found by name and number`(user: String, uid: UInt32, gid: UInt32, groups: [UInt32], home: String)
    throws
  {
    let found = try resolve(user)
    #expect(found == ResolvedUser(uid: uid, gid: gid, additionalGids: groups, home: home))
  }

  @Test(arguments: [
    "4294967296", "4294967295", "2147483648", "2147483648:0", "99999999999", "-1", "0:-1", "1000:", ":", "a:b:c",
    " root", "root ", "ro\u{0}ot", "root\n", "web:99999999999", "nobody", "web:nogroup", "18446744073709551616",
    "10000000000000000000000",
  ])
  func `what is no user is an error and never root`(user: String) {
    #expect(throws: EngineError.self) { try resolve(user) }
  }

  @Test func `groups are added by name and number, once`() throws {
    #expect(try resolve("web", groups: ["docker", "4", "1000"]).additionalGids == [33, 4, 999, 1000])
    #expect(throws: EngineError.self) { try resolve("web", groups: ["nogroup"]) }
    #expect(throws: EngineError.self) { try resolve("web", groups: ["-1"]) }
  }

  @Test func `an image without passwd knows numbers only`() throws {
    let absent: (String) throws(SystemError) -> OwnedDescriptor? = { _ in nil }
    let found = try UserResolver.resolve("12:34", doing: "testing", open: absent)
    #expect(found == ResolvedUser(uid: 12, gid: 34, additionalGids: [34], home: "/"))
    #expect(throws: EngineError.self) { try UserResolver.resolve("web", doing: "testing", open: absent) }
  }

  @Test(arguments: ["link", "fifo", "directory", "sparse"])
  func `a passwd file that is a weapon is refused`(kind: String) throws {
    let root = try makeTemporaryDirectory("users")
    defer { _ = try? mustRun(["rm", "-rf", root]) }
    try makeDirectory(root + "/etc")
    let passwd = root + "/etc/passwd"
    switch kind {
    case "link": try mustRun(["ln", "-s", "/etc/shadow", passwd])
    case "fifo": try mustRun(["mkfifo", passwd])
    case "directory": try makeDirectory(passwd)
    default: try mustRun(["truncate", "-s", "10G", passwd])
    }
    #expect(throws: EngineError.self) {
      try UserResolver.resolve("web", doing: "testing") { (path) throws(SystemError) in try open(path, in: root) }
    }
  }

  @Test func `a long line and a million groups are read within the limit`() throws {
    let long = "web:x:33:33:" + String(repeating: "x", count: 1 << 20) + ":/var/www:/bin/sh\n"
    #expect(try resolve("web", passwd: long).home == "/var/www")
    let many = (0..<20_000).map { "g\($0):x:\(70_000 + $0):web" }.joined(separator: "\n")
    #expect(try resolve("web", group: many).additionalGids.count == 20_001)
  }
}
