import LinuxKernel
import Testing

@Suite struct SystemCallNameTests {
  @Test(arguments: [
    ("openat", 0xC000_003E as UInt32, SystemCallName.Known.number(257)), ("openat", 0x4000_0003, .number(295)),
    ("openat", SystemCallName.x32Token, .number(257)), ("s390_pci_mmio_read", 0xC000_003E, .elsewhere),
    ("no_such_call", 0xC000_003E, nil),
  ]) func `a name has its number on each machine`(name: String, token: UInt32, expected: SystemCallName.Known?) {
    #expect(SystemCallName.find(name, token) == expected)
  }
}
