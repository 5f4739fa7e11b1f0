import Basics
import LinuxKernel
import OCI
import Runtime
import Testing

@Suite struct IDMapResolverTests {
  private let account = Account(uid: 1001, gid: 1002, name: "ana", home: "/home/ana")
  private let outer = IDMap(
    uids: [IDRange(inside: 0, outside: 1001, count: 1), IDRange(inside: 1, outside: 100_000, count: 65536)],
    gids: [IDRange(inside: 0, outside: 1002, count: 1), IDRange(inside: 1, outside: 100_000, count: 65536)])

  private func lines(_ mode: String, _ outer: IDMap?) throws -> [String] {
    try IDMapResolver.resolve(mode, outer: outer, account: account, doing: "testing").uids
      .map { "\($0.containerID) \($0.hostID) \($0.size)" }
  }

  @Test func `the default map is the identity, a line per range`() throws {
    #expect(try lines("", outer) == ["0 0 1", "1 1 65536"])
    #expect(try lines("private", outer) == ["0 0 1", "1 1 65536"])
  }

  @Test func `root and host get no namespace`() throws {
    #expect(try lines("", nil) == [])
    #expect(try lines("host", outer) == [])
  }

  @Test func `keep-id puts the user where it is on the host`() throws {
    #expect(try lines("keep-id", outer) == ["0 1 1001", "1001 0 1", "1002 1002 64535"])
    #expect(try lines("keep-id:uid=0,gid=0", outer) == ["0 0 1", "1 1 65536"])
    #expect(try lines("keep-id:uid=70000", outer) == ["0 1 65536", "70000 0 1"])
    let map = try IDMapResolver.resolve("keep-id:uid=5", outer: outer, account: account, doing: "testing")
    #expect(map.defaultUser == "5:1002")
    #expect(map.maps(uid: 5, gid: 1002) && map.maps(uid: 65536, gid: 0) && !map.maps(uid: 65537, gid: 0))
  }

  @Test func `the greatest id is no overflow`() throws {
    #expect(try lines("keep-id:uid=2147483647", outer) == ["0 1 65536", "2147483647 0 1"])
  }

  @Test(arguments: [
    "keep-id:uid=-1", "keep-id:uid=2147483648", "keep-id:uid=4294967296", "keep-id:size=5", "keep-id:uid", "auto", "x",
  ])
  func `what is no mode is refused`(mode: String) {
    #expect(throws: EngineError.self) { try lines(mode, outer) }
  }

  @Test func `root has no ids to keep`() {
    #expect(throws: EngineError.self) { try lines("keep-id", nil) }
  }

  @Test func `a single id is said once, with the way out`() throws {
    let single = IDMap(
      uids: [IDRange(inside: 0, outside: 1001, count: 1)], gids: [IDRange(inside: 0, outside: 1002, count: 1)])
    let map = try IDMapResolver.resolve("", outer: single, account: account, doing: "testing")
    #expect(map.setgroupsDenied)
    #expect(map.warnings.count == 1)
    #expect(map.warnings[0].contains("usermod --add-subuids"))
    #expect(try lines("keep-id", single) == ["1001 0 1"])
  }
}
