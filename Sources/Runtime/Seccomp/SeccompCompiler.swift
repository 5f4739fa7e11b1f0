package import Basics
package import OCI

/// Compiles a filter of the OCI runtime spec to the kernel's program.
///
/// Ours rather than libseccomp's: that one needs 9 ms for three interfaces and its program 0.6 ms to load. A balanced
/// search over runs of equal verdicts takes a hundredth of the one and a tenth of the other, so nothing has to be cached;
/// and we know the calls of newer kernels than the library that happens to be installed. The meaning is libseccomp's,
/// which is the oracle of the tests, with these differences, each of them stricter or kinder to programs:
/// - A call of an interface that is not in the filter kills the process, not just the thread.
/// - A call that is newer than all the filter names, or that nobody knows, is answered with ENOSYS when the filter's
///   default is to refuse: programs then fall back, as on an older kernel (runc does the first part).
/// - Of several rules for one call the unconditional one wins, else the first whose comparisons hold.
package enum SeccompCompiler {
  /// - Parameter doing: begins the error, such as "starting web".
  package static func compile(
    _ filter: RuntimeSpec.Seccomp, machine: SyscallMachine = .current, doing: String
  ) throws(EngineError) -> SeccompProgram {
    let failure = { (reason: String) in EngineError(.invalidInput, doing, reason) }
    guard let standard = SeccompAction(ociName: filter.defaultAction, data: filter.defaultErrnoRet) else {
      throw failure("seccomp: unknown default action \(safeText(filter.defaultAction))")
    }
    let interfaces = machine.interfaces.filter {
      $0 == machine.interfaces[0] || filter.architectures.contains($0.ociName)
    }
    var collection = SeccompRuleCollection(standard, interfaces)
    let table = SyscallTable()
    for rule in filter.syscalls {
      let parsed = try SeccompRule(rule, failure)
      for name in rule.names {
        guard let numbers = table.numbers(of: name) else {
          throw failure("seccomp: no machine has a system call \(safeText(name))")
        }
        collection.add(parsed, name, numbers)
      }
    }
    let (runs, verdicts) = collection.runs(table)
    let program = SeccompAssembler.program(runs, verdicts)
    if program.count > BPF.greatestProgram {
      throw failure("seccomp: the filter needs \(program.count) instructions, the kernel takes \(BPF.greatestProgram)")
    }
    return SeccompProgram(instructions: program, flags: try flags(filter.flags, failure))
  }

  /// SECCOMP_FILTER_FLAG_ bits. TSYNC is dropped: the filter is loaded by a process with one thread.
  private static func flags(
    _ names: [String], _ failure: (String) -> EngineError
  ) throws(EngineError) -> UInt32 {
    var bits: UInt32 = 0
    for name in names {
      switch name {
      case "SECCOMP_FILTER_FLAG_TSYNC": break
      case "SECCOMP_FILTER_FLAG_LOG": bits |= 1 << 1
      case "SECCOMP_FILTER_FLAG_SPEC_ALLOW": bits |= 1 << 2
      default: throw failure("seccomp: unknown or unsupported flag \(safeText(name))")
      }
    }
    return bits
  }
}

/// A rule of the spec with its words understood.
struct SeccompRule {
  var action: SeccompAction
  /// Alternatives; no alternative at all means unconditional.
  var cases: [[SeccompComparison]]

  init(_ rule: RuntimeSpec.SeccompRule, _ failure: (String) -> EngineError) throws(EngineError) {
    if rule.action == "SCMP_ACT_NOTIFY" {
      throw failure("seccomp: SCMP_ACT_NOTIFY needs an agent that answers, and there is none")
    }
    if let code = rule.errnoRet, code > SeccompAction.greatestErrno {
      throw failure("seccomp: errnoRet \(code) is above \(SeccompAction.greatestErrno)")
    }
    guard let action = SeccompAction(ociName: rule.action, data: rule.errnoRet) else {
      throw failure("seccomp: unknown action \(safeText(rule.action))")
    }
    self.action = action
    var comparisons: [SeccompComparison] = []
    for argument in rule.args {
      guard argument.index < 6 else {
        throw failure("seccomp: a system call has no argument \(argument.index)")
      }
      guard let operation = SeccompComparison.Operation(rawValue: argument.op) else {
        throw failure("seccomp: unknown comparison \(safeText(argument.op))")
      }
      comparisons.append(
        SeccompComparison(
          index: argument.index, operation: operation, value: argument.value, valueTwo: argument.valueTwo))
    }
    // As in runc: comparisons of different arguments must all hold, of one and the same argument any.
    let isRepeated = Set(comparisons.map(\.index)).count < comparisons.count
    cases = comparisons.isEmpty ? [] : isRepeated ? comparisons.map { [$0] } : [comparisons]
  }
}

/// The rules of a filter by interface and number.
struct SeccompRuleCollection {
  private let standard: SeccompAction
  private let interfaces: [SyscallInterface]
  private var rules: [[UInt32: Rules]]
  /// The newest call that the filter names, in the numbering that all interfaces share.
  private var newest: Int32 = 0

  private struct Rules {
    var unconditional: SeccompAction?
    var cases: [SeccompCase] = []
  }

  init(_ standard: SeccompAction, _ interfaces: [SyscallInterface]) {
    self.standard = standard
    self.interfaces = interfaces
    rules = interfaces.map { _ in [:] }
  }

  mutating func add(_ rule: SeccompRule, _ name: String, _ numbers: SyscallTable.Numbers) {
    newest = max(newest, numbers.replacing(with: -1, where: numbers .>= Self.endOfNumbers).max())
    // As in runc: what only repeats the default says nothing, and must not hide a conditional rule.
    if rule.action == standard { return }
    for (lane, interface) in interfaces.enumerated() {
      let number = numbers[interface.rawValue]
      if number >= 0 { add(rule.action, rule.cases, UInt32(number), lane) }
      // x86 has many calls behind one number; a rule without comparisons is carried over, as libseccomp does.
      guard interface == .x86, rule.cases.isEmpty, let multiplexed = Multiplexed.calls[name] else { continue }
      let choice = SeccompComparison(index: 0, operation: .equal, value: multiplexed.value)
      add(rule.action, [[choice]], multiplexed.number, lane)
    }
  }

  private mutating func add(
    _ action: SeccompAction, _ cases: [[SeccompComparison]], _ number: UInt32, _ lane: Int
  ) {
    if cases.isEmpty {
      if rules[lane][number, default: Rules()].unconditional == nil {
        rules[lane][number, default: Rules()].unconditional = action
      }
    }
    for comparisons in cases {
      rules[lane][number, default: Rules()].cases.append(SeccompCase(comparisons: comparisons, action: action))
    }
  }

  /// What each number of each interface gets.
  func runs(_ table: SyscallTable) -> ([SeccompRuns], [SeccompVerdict]) {
    var verdicts: [SeccompVerdict] = []
    var indices: [SeccompVerdict: Int] = [:]
    func index(_ verdict: SeccompVerdict) -> Int {
      if let known = indices[verdict] { return known }
      verdicts.append(verdict)
      indices[verdict] = verdicts.count - 1
      return verdicts.count - 1
    }
    let unknown = index(.always(standard.isPermissive ? standard : .noSuchCall))
    let known = index(.always(standard))
    let all = table.all
    let result = interfaces.enumerated().map { (lane, interface) in
      var runs = SeccompRuns(interface)
      var numbers = all.compactMap { $0.numbers[interface.rawValue] < 0 ? nil : UInt32($0.numbers[interface.rawValue]) }
      numbers.sort()
      var next: UInt32 = 0
      for number in numbers where number >= next {
        if number > next { runs.append(next, unknown) }
        if let rule = rules[lane][number] {
          let verdict =
            rule.unconditional.map(SeccompVerdict.always) ?? SeccompVerdict(cases: rule.cases, otherwise: standard)
          runs.append(number, index(verdict))
        } else {
          let isNew = number > newest && number >= Self.firstCommonNumber && number < Self.endOfNumbers
          runs.append(number, isNew ? unknown : known)
        }
        next = number + 1
      }
      runs.append(next, unknown)
      return runs
    }
    return (result, verdicts)
  }

  /// From here on a call has the same number everywhere; what is below is on every kernel we run on.
  private static let firstCommonNumber: UInt32 = 424
  /// Above are only calls of x32 and the private ones of arm.
  private static let endOfNumbers: Int32 = 512
}

/// Calls of x86 that are also reached through socketcall(2) and ipc(2).
private enum Multiplexed {
  static let socketcall: UInt32 = 102
  static let ipc: UInt32 = 117

  /// linux/net.h SYS_ and linux/ipc.h numbers.
  static let calls: [String: (number: UInt32, value: UInt64)] = {
    var calls: [String: (number: UInt32, value: UInt64)] = [:]
    let sockets = [
      "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv",
      "sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg",
      "sendmmsg",
    ]
    for (index, name) in sockets.enumerated() { calls[name] = (socketcall, UInt64(index + 1)) }
    let others: [(String, UInt64)] = [
      ("semop", 1), ("semget", 2), ("semctl", 3), ("semtimedop", 4), ("msgsnd", 11), ("msgrcv", 12), ("msgget", 13),
      ("msgctl", 14), ("shmat", 21), ("shmdt", 22), ("shmget", 23), ("shmctl", 24),
    ]
    for (name, value) in others { calls[name] = (ipc, value) }
    return calls
  }()
}
