import OCI
import Runtime

/// What a filter sees of a call (`struct seccomp_data`).
struct SeccompInput {
  var number: UInt32
  var arch: UInt32
  var arguments: [UInt64] = []

  init(_ interface: SyscallInterface, _ number: UInt32, _ arguments: [UInt64] = []) {
    self.number = interface == .x32 ? number | SyscallInterface.x32Bit : number
    self.arch = interface.auditArch
    self.arguments = arguments
  }

  func word(_ offset: UInt32) -> UInt32? {
    switch offset {
    case 0: return number
    case 4: return arch
    case 8, 12: return 0
    case 16..<64 where offset % 4 == 0:
      let index = Int(offset - 16) / 8
      let value = index < arguments.count ? arguments[index] : 0
      return UInt32(truncatingIfNeeded: offset % 8 == 0 ? value : value >> 32)
    default: return nil
    }
  }
}

/// Runs a filter as the kernel does, by the meaning of classic BPF; nil when the kernel would refuse or leave it.
func runFilter(_ program: [UInt64], _ input: SeccompInput) -> UInt32? {
  var accumulator: UInt32 = 0
  var position = 0
  for _ in 0...program.count {
    guard program.indices.contains(position) else { return nil }
    let instruction = program[position]
    let (yes, no) = (Int(instruction >> 16 & 0xFF), Int(instruction >> 24 & 0xFF))
    let k = UInt32(instruction >> 32)
    position += 1
    switch UInt16(truncatingIfNeeded: instruction) {
    case 0x20:
      guard let word = input.word(k) else { return nil }
      accumulator = word
    case 0x54: accumulator &= k
    case 0x05: position += Int(k)
    case 0x15: position += accumulator == k ? yes : no
    case 0x25: position += accumulator > k ? yes : no
    case 0x35: position += accumulator >= k ? yes : no
    case 0x45: position += accumulator & k != 0 ? yes : no
    case 0x06: return k
    default: return nil
    }
  }
  return nil
}

let allowed: UInt32 = 0x7FFF_0000
let refused: UInt32 = 0x0005_0001
let noSuchCall: UInt32 = 0x0005_0026
let killed: UInt32 = 0x8000_0000

/// The capability sets worth trying: none, each relevant one alone, pairs with SYS_ADMIN, docker's default, all.
let capabilitySets: [[String]] = {
  let names = CapabilitySet.all.names
  return [[], CapabilitySet.dockerDefault.names, names] + names.map { [$0] } + names.map { ["CAP_SYS_ADMIN", $0] }
}()
