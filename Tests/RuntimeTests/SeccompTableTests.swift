import CSeccomp
import Glibc
import Testing

@testable import Runtime

struct SeccompTableTests {
  let table = SyscallTable()

  /// Calls that are younger than the library of Debian 12; their numbers are the kernel's.
  private let younger: Set<String> = [
    "statmount", "listmount", "lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mseal", "setxattrat",
    "getxattrat", "listxattrat", "removexattrat", "open_tree_attr", "file_getattr", "file_setattr", "uretprobe",
  ]

  @Test(arguments: SyscallInterface.allCases)
  func `the numbers are libseccomp's`(_ interface: SyscallInterface) {
    var byNumber: [Int32: String] = [:]
    for (name, numbers) in table.all where numbers[interface.rawValue] >= 0 {
      byNumber[numbers[interface.rawValue]] = name
    }
    let bit = interface == .x32 ? Int32(SyscallInterface.x32Bit) : 0
    var compared = 0
    for number in Array(0..<Int32(1024)) + Array(0xF0000..<0xF0020) {
      guard let text = seccomp_syscall_resolve_num_arch(interface.libraryToken, number | bit) else {
        if let name = byNumber[number] { #expect(younger.contains(name), "\(name) is not known as \(number)") }
        continue
      }
      #expect(byNumber[number] == String(cString: text), "\(number)")
      free(text)
      compared += 1
    }
    #expect(compared > 300)
  }

  @Test func `names are sorted, unique and found`() {
    let names = table.all.map(\.name)
    #expect(names == names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    #expect(Set(names).count == names.count)
    for (name, numbers) in table.all { #expect(table.numbers(of: name) == numbers) }
  }

  @Test func `what is no call has no numbers`() {
    for name in ["", "opena", "ope", "OPEN", "open ", "zzz"] { #expect(table.numbers(of: name) == nil) }
  }
}
