import OCI

// The default profile with names resolved to numbers ahead: the path of `run` has no time for names.
extension DefaultSeccompProfile {
  /// Compiled for a container with these capabilities in its bounding set; the same program as
  /// `SeccompCompiler.compile(specification(bounding:))` gives.
  package static func program(
    bounding capabilities: [String], machine: SyscallMachine = .current
  ) -> SeccompProgram {
    let verdicts = Self.verdicts
    let letters = verdictsByLetter(capabilities)
    let interfaces = machine.interfaces.map { runs($0, letters) }
    return SeccompProgram(instructions: SeccompAssembler.program(interfaces, verdicts))
  }

  /// The classes of calls that a capability allows, by letter.
  static func classes(allowedBy capability: String) -> StaticString {
    switch capability {
    case "CAP_DAC_READ_SEARCH": "R"
    case "CAP_SYS_ADMIN": "MLBF"
    case "CAP_SYS_BOOT": "O"
    case "CAP_SYS_CHROOT": "H"
    case "CAP_SYS_MODULE": "K"
    case "CAP_SYS_PACCT": "P"
    case "CAP_SYS_PTRACE": "T"
    case "CAP_SYS_RAWIO": "I"
    case "CAP_SYS_TIME": "W"
    case "CAP_SYS_TTY_CONFIG": "Y"
    case "CAP_SYS_NICE": "G"
    case "CAP_SYSLOG": "L"
    case "CAP_BPF": "B"
    case "CAP_PERFMON": "F"
    default: ""
    }
  }

  private static let allowIndex = 0
  private static let refuseIndex = 1
  private static let unknownIndex = 2

  private static var verdicts: [SeccompVerdict] {
    func anyOf(_ comparisons: [SeccompComparison]) -> SeccompVerdict {
      SeccompVerdict(
        cases: comparisons.map { SeccompCase(comparisons: [$0], action: .allow) }, otherwise: .notPermitted)
    }
    return [
      .always(.allow), .always(.notPermitted), .always(.noSuchCall),
      anyOf([SeccompComparison(index: 0, operation: .maskedEqual, value: cloneNamespaces)]),
      anyOf(personalities.map { SeccompComparison(index: 0, operation: .equal, value: $0) }),
      anyOf(
        socketRules.map {
          SeccompComparison(index: 0, operation: $0.op == "SCMP_CMP_LT" ? .less : .equal, value: $0.value)
        }),
    ]
  }

  /// Indices into `verdicts` by ASCII letter.
  private static func verdictsByLetter(_ capabilities: [String]) -> [UInt8] {
    let isAdministrator = capabilities.contains("CAP_SYS_ADMIN")
    var letters = [UInt8](repeating: UInt8(refuseIndex), count: 128)
    func set(_ letter: Unicode.Scalar, _ index: Int) { letters[Int(letter.value)] = UInt8(index) }
    set("A", allowIndex)
    set("N", unknownIndex)
    set("c", isAdministrator ? allowIndex : 3)
    set("d", isAdministrator ? allowIndex : unknownIndex)
    set("p", 4)
    set("s", 5)
    for capability in capabilities {
      classes(allowedBy: capability).withUTF8Buffer { classes in
        for letter in classes { letters[Int(letter)] = UInt8(allowIndex) }
      }
    }
    return letters
  }

  private static func runs(_ interface: SyscallInterface, _ letters: [UInt8]) -> SeccompRuns {
    var result = SeccompRuns(interface)
    result.runs.reserveCapacity(160)
    resolved(interface).withUTF8Buffer { bytes in
      var start: UInt32 = 0
      var position = 0
      while position < bytes.count {
        result.append(start, Int(letters[Int(bytes[position] & 0x7F)]))
        position += 1
        var length: UInt32 = 0
        while position < bytes.count, bytes[position] <= UInt8(ascii: "9") {
          length = length &* 10 &+ UInt32(bytes[position] &- UInt8(ascii: "0"))
          position += 1
        }
        start &+= max(length, 1)
      }
    }
    return result
  }

  /// Classes of the numbers from 0 on, each letter followed by how often it repeats: A allowed, E refused, N no call of
  /// that number, c clone, d clone3, p personality, s socket, others as in `classes(allowedBy:)`. The last one has no end.
  /// A test makes them anew from the names and compares.
  static func resolved(_ interface: SyscallInterface) -> StaticString {
    switch interface {
    case .x86_64:
      """
      A41sA14cA46LA30EpEA2EA13YAE2A4HAPWM2E2OM2I2EK2E2ME6A26MA14WA8EG3A6EAE3A5EA15MA6EA18FAMA3RA3MA3TKA6EBAEA12\
      N88AE3M6AdA2TATAM2A6GA8M3A5N4
      """
    case .x86:
      """
      A17E2A2M2A2WA2EA2E2AE2A8EA3EA2PMEA2EAE2AHEA4E3A2E2MA4WA4EAE2OEA8EA2IALA5EIYE2AEA4cMA5EK2EMA2E2pEA11EA16E2\
      AEA18E2A27EA4N2A27NAMA10WA8EG3A6EANE3A5EA15MA6EA18FAMA3RA3MA2TKA6BAsA14EA12N6A11WA10NA9E3M6AdA2TATAM2A6G\
      A8M3A5N4
      """
    case .x32:
      """
      A13NAN2A2N2A20sA3N3A6N2cA2NA41NALA23N3ANA2NpEA2EA13YAENA4HAPWM2E2OM2I2NK2N2MNE5A19N2A2NANMAN2A6NA4WA8NG3\
      A4NAN2E3A5EA15MN2A3N2A15N3FNMA3RA2NMAN2TKA6EBNEA3N2A6N89AE3M6AdA2TATAM2A6GA2NA5M3A5N45A16EA4EA14N
      """
    case .aarch64:
      """
      A18MA20M2E2A8HA6YAMA28PA2pA4MA6EK2A5WA3LA25OA18M2A7WA27sA18E3cA3E2A9G3E2AFA2N16A2MA2RA2MA3TKA6BAEA11EN129\
      AE3M6AdA2TATAM2A6GA8M3A5N4
      """
    case .arm:
      """
      A7NA5NA3N2A2MNA2NAN2AN3AENA8NA3NA2PMNA2NAN2AHEA4EN2A2E2MANA2WA2NANAE2ON2A7NA2N2LA5N2YN2AEANA2cMANA3NK2NM\
      A2E2pNA11EA16N2AEA18N2A28EA3N2A25MA4N2A6WA8E3A7sA27E3AEA5G3A15MA6EA2EA16FA2MA3RA3MA2TKA6BAEA11E2NAWA10NA9\
      E3M6AdA2TATAM2A3NA2GA8M3A5N982574A2E2AEN
      """
    }
  }
}
