import LinuxKernel
import Testing

@Suite struct ServiceManagerTests {
  @Test(
    arguments: [
      (["LISTEN_PID=7", "LISTEN_FDS=2", "LISTEN_FDNAMES=a:b"], 2, "a:b"),
      (["LISTEN_PID=8", "LISTEN_FDS=2", "LISTEN_FDNAMES=a:b"], 0, nil),
      (["LISTEN_FDS=2"], 0, nil),
      (["LISTEN_PID=7", "LISTEN_FDS=0"], 0, nil),
      (["LISTEN_PID=7", "LISTEN_FDS=-1"], 0, nil),
      (["LISTEN_PID=7", "LISTEN_FDS=99999999999"], 0, nil),
      (["LISTEN_PID=7", "LISTEN_FDS=x"], 0, nil),
    ] as [([String], Int, String?)])
  func `descriptors are those meant for this very process`(_ environment: [String], _ count: Int, _ names: String?) {
    let manager = ServiceManager(environment: environment, pid: 7)
    #expect(manager.descriptors == count)
    #expect(manager.descriptorNames == names)
  }

  @Test(
    arguments: [
      ("/run/x", "/run/x"), ("@abstract", "@abstract"), ("", nil), ("@", nil), ("vsock:2:3", nil), ("relative", nil),
    ] as [(String, String?)])
  func `the socket has an address that can be sent to`(_ text: String, _ address: String?) {
    #expect(ServiceManager(environment: ["NOTIFY_SOCKET=" + text], pid: 7).socket == address)
  }

  @Test func `a watchdog of another process is not ours`() {
    #expect(ServiceManager(environment: ["WATCHDOG_USEC=5", "WATCHDOG_PID=7"], pid: 7).watchdog == "5")
    #expect(ServiceManager(environment: ["WATCHDOG_USEC=5"], pid: 7).watchdog == "5")
    #expect(ServiceManager(environment: ["WATCHDOG_USEC=5", "WATCHDOG_PID=8"], pid: 7).watchdog == nil)
    #expect(ServiceManager(environment: ["WATCHDOG_USEC=soon", "WATCHDOG_PID=7"], pid: 7).watchdog == nil)
  }
}
