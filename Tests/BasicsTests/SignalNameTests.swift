import Basics
import Testing

@Suite struct SignalNameTests {
  @Test(arguments: [
    ("TERM", 15), ("SIGTERM", 15), ("sigterm", 15), ("15", 15), ("HUP", 1), ("1", 1), ("KILL", 9), ("RTMIN", 34),
    ("SIGRTMIN+3", 37), ("RTMAX", 64), ("rtmax-1", 63), ("64", 64), ("IOT", 6), ("CLD", 17),
  ])
  func `a signal is read by name and number`(_ text: String, _ number: Int32) {
    #expect(SignalName.number(of: text) == number)
  }

  @Test(arguments: [
    "", "0", "65", "-1", "FOO", "SIG", "RTMIN-1", "RTMIN+31", "RTMAX+1", "RTMIN+", "RTMIN+-1", "1.5", "SIGSIGHUP",
  ])
  func `what is no signal is nothing`(_ text: String) { #expect(SignalName.number(of: text) == nil) }

  @Test func `every number that has a name is found by it`() {
    for number in Int32(1)...64 {
      guard let name = SignalName.name(of: number) else { continue }
      #expect(SignalName.number(of: name) == number)
    }
    #expect(SignalName.name(of: 6) == "ABRT")
    #expect(SignalName.name(of: 37) == "RTMIN+3")
    #expect(SignalName.name(of: 32) == nil)
  }

  @Test func `capabilities are known with and without their prefix`() {
    #expect(CapabilityName.normalized("net_admin") == "NET_ADMIN")
    #expect(CapabilityName.normalized("CAP_NET_ADMIN") == "NET_ADMIN")
    #expect(CapabilityName.normalized("all") == "ALL")
    #expect(CapabilityName.normalized("NET_FOO") == nil)
    #expect(CapabilityName.normalized("CAP_CAP_CHOWN") == nil)
    #expect(CapabilityName.all.count == 41)
    #expect(CapabilityName.all[21] == "CAP_SYS_ADMIN")
  }
}
