internal import LinuxKernel

/// A system call interface of a machine, as a filter sees it (seccomp(2), `struct seccomp_data.arch`).
package enum SyscallInterface: Int, CaseIterable, Sendable {
  case x86_64, x86, x32, aarch64, arm

  /// AUDIT_ARCH_ of linux/audit.h; x32 shares that of x86_64 and is told apart by a bit of the number.
  package var auditArch: UInt32 {
    switch self {
    case .x86_64, .x32: 0xC000_003E
    case .x86: 0x4000_0003
    case .aarch64: 0xC000_00B7
    case .arm: 0x4000_0028
    }
  }

  /// __X32_SYSCALL_BIT
  package static let x32Bit: UInt32 = 0x4000_0000

  /// The name in the OCI runtime spec.
  package var ociName: String {
    switch self {
    case .x86_64: "SCMP_ARCH_X86_64"
    case .x86: "SCMP_ARCH_X86"
    case .x32: "SCMP_ARCH_X32"
    case .aarch64: "SCMP_ARCH_AARCH64"
    case .arm: "SCMP_ARCH_ARM"
    }
  }

  /// Arguments are 32 bits wide.
  var isNarrow: Bool { self == .x86 || self == .arm }
}

/// The machine a filter is for: its own interface and those that its kernel offers beside it.
package enum SyscallMachine: CaseIterable, Sendable {
  case x86_64, aarch64

  #if arch(arm64)
    package static let current = SyscallMachine.aarch64
  #else
    package static let current = SyscallMachine.x86_64
  #endif

  /// The own interface first.
  package var interfaces: [SyscallInterface] { self == .x86_64 ? [.x86_64, .x86, .x32] : [.aarch64, .arm] }

  /// The name that docker's profiles use in `includes` and `excludes`.
  var dockerName: String { self == .x86_64 ? "amd64" : "arm64" }
}

/// System call numbers by name and interface.
package struct SyscallTable: Sendable {
  /// One number for each of `SyscallInterface`, -1 where the call does not exist.
  package typealias Numbers = SIMD8<Int32>

  private struct Entry {
    var start: Int32
    var length: Int32
    var numbers: Numbers
  }
  private var entries: [Entry] = []

  /// Reads `text`, which is well-formed by its test.
  package init() {
    entries.reserveCapacity(520)
    Self.text.withUTF8Buffer { bytes in
      var position = 0
      while position < bytes.count {
        entries.append(Self.readEntry(bytes, &position))
        while position < bytes.count, bytes[position] == UInt8(ascii: " ") || bytes[position] == UInt8(ascii: "\n") {
          position += 1
        }
      }
    }
  }

  private static func readEntry(_ bytes: UnsafeBufferPointer<UInt8>, _ position: inout Int) -> Entry {
    let start = position
    while bytes[position] != UInt8(ascii: ":"), bytes[position] != UInt8(ascii: "=") { position += 1 }
    let isCommon = bytes[position] == UInt8(ascii: "=")
    var entry = Entry(start: Int32(start), length: Int32(position - start), numbers: Numbers(repeating: -1))
    position += 1
    var lane = 0
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") { break }
      position += 1
      if byte == UInt8(ascii: ",") {
        lane += 1
      } else {
        entry.numbers[lane] = max(entry.numbers[lane], 0) * 10 + Int32(byte - UInt8(ascii: "0"))
      }
    }
    if isCommon { entry.numbers = Numbers(repeating: entry.numbers[0]) }
    return entry
  }

  /// The numbers of a call, nil when no machine has a call of that name: ours first, which is as new as our default
  /// profile, then libseccomp's, which also has those of machines that we do not run on.
  package func numbers(of name: String) -> Numbers? { ownNumbers(of: name) ?? libraryNumbers(of: name) }

  private func libraryNumbers(of name: String) -> Numbers? {
    var numbers = Numbers(repeating: -1)
    var isKnown = false
    for interface in SyscallInterface.allCases {
      let token = interface == .x32 ? SystemCallName.x32Token : interface.auditArch
      guard let found = SystemCallName.find(name, token) else { continue }
      isKnown = true
      if case .number(let number) = found { numbers[interface.rawValue] = number }
    }
    return isKnown ? numbers : nil
  }

  private func ownNumbers(of name: String) -> Numbers? {
    var name = name
    return name.withUTF8 { wanted in
      Self.text.withUTF8Buffer { bytes in
        var low = 0
        var high = entries.count
        while low < high {
          let middle = (low + high) / 2
          let candidate = bytes[Int(entries[middle].start)..<Int(entries[middle].start + entries[middle].length)]
          if candidate.elementsEqual(wanted) { return entries[middle].numbers }
          if candidate.lexicographicallyPrecedes(wanted) { low = middle + 1 } else { high = middle }
        }
        return nil
      }
    }
  }

  /// All names with their numbers, in byte order.
  package var all: [(name: String, numbers: Numbers)] {
    Self.text.withUTF8Buffer { bytes in
      entries.map {
        (String(decoding: bytes[Int($0.start)..<Int($0.start + $0.length)], as: UTF8.self), $0.numbers)
      }
    }
  }
}
