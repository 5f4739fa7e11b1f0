import Basics
import Runtime
import Testing

@Suite struct StreamsSignalTests {
  @Test(
    arguments: [
      ("SIGHUP", 1), ("HUP", 1), ("hup", 1), ("1", 1), ("SIGTERM", 15), ("SIGRTMIN", 34), ("SIGRTMIN+3", 37),
      ("RTMAX-1", 63), ("SIGRTMAX", 64), ("64", 64), ("SIGCLD", 17),
    ] as [(String, Int32)])
  func `names and numbers are one`(text: String, number: Int32) { #expect(Signals.number(text) == number) }

  @Test(arguments: ["", "SIG", "SIGNONE", "0", "65", "-1", "RTMIN+31", "RTMIN-1", "RTMAX+1", "SIGRTMIN+x", "1x"])
  func `what is no signal is none`(text: String) { #expect(Signals.number(text) == nil) }

  @Test func `every number has a name that leads back`() {
    for number in (1...31) as ClosedRange<Int32> { #expect(Signals.number(Signals.name(number)) == number) }
    for number in (34...64) as ClosedRange<Int32> { #expect(Signals.number(Signals.name(number)) == number) }
  }
}

@Suite struct StreamsDetachKeysTests {
  @Test(
    arguments: [
      ("ctrl-p,ctrl-q", [16, 17]), ("a", [97]), ("ctrl-a,b", [1, 98]), ("ctrl-@", [0]), ("ctrl-[", [27]),
      ("ctrl-\\,ctrl-]", [28, 29]), ("ctrl-^,ctrl-_", [30, 31]), ("DEL", [127]), ("", []),
    ] as [(String, [UInt8])])
  func `docker's grammar is read`(text: String, bytes: [UInt8]) throws {
    #expect(try DetachKeys(parsing: text).bytes == bytes)
  }

  @Test(arguments: ["ctrl-", "ctrl-A", "ctrl-1", "ab", "a,,b", ",", "ctrl-pq", "é"])
  func `what is no key is named`(text: String) {
    let error = #expect(throws: EngineError.self) { try DetachKeys(parsing: text) }
    #expect(error?.reason.hasSuffix("is no key") == true)
  }
}
