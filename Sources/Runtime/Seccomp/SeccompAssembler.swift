/// Writes classic BPF from its end to its start: every jump then knows how far its targets are. Equal tails are shared.
struct SeccompAssembler {
  /// A place in the program, counted from its end.
  typealias Label = Int

  /// Offsets in `struct seccomp_data`.
  private enum Field {
    static let number: UInt32 = 0
    static let arch: UInt32 = 4
    static let arguments: UInt32 = 16
  }

  /// Last instruction first; `struct sock_filter` as one little-endian word: code, jt, jf, k.
  private var reversed: [UInt64] = []
  /// The nearest place of each answer.
  private var returns: [(action: UInt32, label: Label)] = []
  /// The comparisons of each verdict in this interface; -1 before they are written.
  private var tails: [Label] = []

  /// The program for all interfaces of one machine.
  /// - Parameter interfaces: the machine's own one first; calls of any other kill the process.
  static func program(_ interfaces: [SeccompRuns], _ verdicts: [SeccompVerdict]) -> [UInt64] {
    var assembler = SeccompAssembler()
    assembler.reversed.reserveCapacity(512)
    var next = assembler.answer(.killProcess)
    for interface in interfaces.reversed() where interface.interface != .x32 {
      let x32 = interfaces.first { $0.interface == .x32 && interface.interface == .x86_64 }
      var block = assembler.tree(interface, verdicts)
      if interface.interface == .x86_64 {
        let other = x32.map { assembler.tree($0, verdicts) } ?? assembler.answer(.killProcess)
        block = assembler.branch(BPF.jumpIfGreaterOrEqual, SyscallInterface.x32Bit, other, block)
      }
      block = assembler.load(Field.number, before: block)
      next = assembler.branch(BPF.jumpIfEqual, interface.interface.auditArch, block, next)
    }
    _ = assembler.load(Field.arch, before: next)
    return assembler.reversed.reversed()
  }

  /// A balanced search over the runs; the number is in the accumulator.
  private mutating func tree(_ interface: SeccompRuns, _ verdicts: [SeccompVerdict]) -> Label {
    tails = [Label](repeating: -1, count: verdicts.count)
    let bit = interface.interface == .x32 ? SyscallInterface.x32Bit : 0
    return tree(interface, interface.runs[...], bit, verdicts)
  }

  private mutating func tree(
    _ interface: SeccompRuns, _ runs: ArraySlice<(start: UInt32, verdict: Int)>, _ bit: UInt32,
    _ verdicts: [SeccompVerdict]
  ) -> Label {
    if runs.count == 1 {
      let index = runs[runs.startIndex].verdict
      return tail(verdicts[index], index, isNarrow: interface.interface.isNarrow)
    }
    let middle = runs.startIndex + runs.count / 2
    let high = tree(interface, runs[middle...], bit, verdicts)
    let low = tree(interface, runs[..<middle], bit, verdicts)
    return branch(BPF.jumpIfGreaterOrEqual, runs[middle].start | bit, high, low)
  }

  private mutating func tail(_ verdict: SeccompVerdict, _ index: Int, isNarrow: Bool) -> Label {
    if verdict.cases.isEmpty { return answer(verdict.otherwise) }
    if tails[index] >= 0 { return tails[index] }
    var next = answer(verdict.otherwise)
    for group in verdict.groups.reversed() { next = emit(group, else: next, isNarrow: isNarrow) }
    tails[index] = next
    return next
  }

  private mutating func answer(_ action: SeccompAction) -> Label {
    for known in returns where known.action == action.value && reversed.count - known.label < 250 {
      return known.label
    }
    return emitAnswer(action)
  }

  private mutating func emitAnswer(_ action: SeccompAction) -> Label {
    reversed.append(BPF.instruction(BPF.answer, k: action.value))
    let label = reversed.count - 1
    if let index = returns.firstIndex(where: { $0.action == action.value }) {
      returns[index].label = label
    } else {
      returns.append((action.value, label))
    }
    return label
  }

  /// A load and what follows it.
  private mutating func load(_ offset: UInt32, before next: Label) -> Label {
    if next != reversed.count - 1 { _ = jump(next) }
    reversed.append(BPF.instruction(BPF.load, k: offset))
    return reversed.count - 1
  }

  private mutating func jump(_ target: Label) -> Label {
    reversed.append(BPF.instruction(BPF.jump, k: UInt32(reversed.count - 1 - target)))
    return reversed.count - 1
  }

  /// A conditional jump; one that is farther than its byte can say goes by way of a plain one, or of a copied answer.
  private mutating func branch(_ code: UInt16, _ k: UInt32, _ then: Label, _ otherwise: Label) -> Label {
    if then == otherwise { return then }
    var then = then
    var otherwise = otherwise
    if reversed.count - 1 - then > 254 { then = bring(then) }
    if reversed.count - 1 - otherwise > 255 { otherwise = bring(otherwise) }
    let jumps = (true: UInt8(reversed.count - 1 - then), false: UInt8(reversed.count - 1 - otherwise))
    reversed.append(BPF.instruction(code, jumps.true, jumps.false, k: k))
    return reversed.count - 1
  }

  private mutating func bring(_ target: Label) -> Label {
    let instruction = reversed[target]
    if UInt16(truncatingIfNeeded: instruction) == BPF.answer {
      return emitAnswer(SeccompAction(value: UInt32(instruction >> 32)))
    }
    return jump(target)
  }
}

// Comparisons of arguments.
extension SeccompAssembler {
  private func low(_ index: UInt32) -> UInt32 { Field.arguments + 8 * index }
  private func high(_ index: UInt32) -> UInt32 { Field.arguments + 8 * index + 4 }

  private mutating func emit(_ group: SeccompGroup, else next: Label, isNarrow: Bool) -> Label {
    switch group {
    case .small(let index, let choices, let action):
      let done = answer(action)
      var label = next
      for choice in choices.reversed() {
        switch choice.operation {
        case .less: label = branch(BPF.jumpIfGreaterOrEqual, UInt32(choice.value), label, done)
        default: label = branch(BPF.jumpIfEqual, UInt32(choice.value), done, label)
        }
      }
      label = load(low(index), before: label)
      if isNarrow { return label }
      label = branch(BPF.jumpIfEqual, 0, label, next)
      return load(high(index), before: label)
    case .general(let condition):
      var label = answer(condition.action)
      for comparison in condition.comparisons.reversed() {
        label = emit(comparison, then: label, else: next, isNarrow: isNarrow)
      }
      return label
    }
  }

  /// Compares 64 bits in two halves; only the lower one where arguments have 32.
  private mutating func emit(
    _ comparison: SeccompComparison, then: Label, else next: Label, isNarrow: Bool
  ) -> Label {
    let value = (low: UInt32(truncatingIfNeeded: comparison.value), high: UInt32(comparison.value >> 32))
    let second = (low: UInt32(truncatingIfNeeded: comparison.valueTwo), high: UInt32(comparison.valueTwo >> 32))
    // `a op b` is `!(a inverse b)`: each operation is one of three jumps, with the targets swapped where needed.
    var (yes, no) = (then, next)
    var code = BPF.jumpIfEqual
    switch comparison.operation {
    case .equal: break
    case .notEqual: swap(&yes, &no)
    case .greaterOrEqual: code = BPF.jumpIfGreaterOrEqual
    case .less:
      code = BPF.jumpIfGreaterOrEqual
      swap(&yes, &no)
    case .greater: code = BPF.jumpIfGreater
    case .lessOrEqual:
      code = BPF.jumpIfGreater
      swap(&yes, &no)
    case .maskedEqual:
      var label = masked(value.low, second.low, then: yes, else: no)
      label = load(low(comparison.index), before: label)
      if isNarrow || (value.high == 0 && second.high == 0) { return label }
      label = masked(value.high, second.high, then: label, else: no)
      return load(high(comparison.index), before: label)
    }
    var label = branch(code, value.low, yes, no)
    label = load(low(comparison.index), before: label)
    if isNarrow { return label }
    if code == BPF.jumpIfEqual {
      label = branch(BPF.jumpIfEqual, value.high, label, no)
    } else {
      label = branch(BPF.jumpIfEqual, value.high, label, no)
      label = branch(BPF.jumpIfGreater, value.high, yes, label)
    }
    return load(high(comparison.index), before: label)
  }

  private mutating func masked(_ mask: UInt32, _ value: UInt32, then: Label, else next: Label) -> Label {
    let label = branch(BPF.jumpIfEqual, value, then, next)
    if label != reversed.count - 1 { _ = jump(label) }
    reversed.append(BPF.instruction(BPF.and, k: mask))
    return reversed.count - 1
  }
}

/// Cases that are tested together.
private enum SeccompGroup {
  /// One argument against several numbers below 2^32: its upper half is tested once.
  case small(UInt32, [SeccompComparison], SeccompAction)
  case general(SeccompCase)
}

extension SeccompVerdict {
  fileprivate var groups: [SeccompGroup] {
    var groups: [SeccompGroup] = []
    for condition in cases {
      guard condition.comparisons.count == 1, let comparison = condition.comparisons.first, comparison.value >> 32 == 0,
        comparison.operation == .equal || comparison.operation == .less
      else {
        groups.append(.general(condition))
        continue
      }
      if case .small(let index, let others, condition.action)? = groups.last, index == comparison.index {
        groups[groups.count - 1] = .small(index, others + [comparison], condition.action)
      } else {
        groups.append(.small(comparison.index, [comparison], condition.action))
      }
    }
    return groups
  }
}

/// Opcodes of classic BPF (linux/bpf_common.h) that seccomp(2) accepts.
enum BPF {
  static let load: UInt16 = 0x20  // LD | W | ABS
  static let and: UInt16 = 0x54  // ALU | AND | K
  static let jump: UInt16 = 0x05  // JMP | JA
  static let jumpIfEqual: UInt16 = 0x15  // JMP | JEQ | K
  static let jumpIfGreater: UInt16 = 0x25  // JMP | JGT | K
  static let jumpIfGreaterOrEqual: UInt16 = 0x35  // JMP | JGE | K
  static let answer: UInt16 = 0x06  // RET | K

  /// BPF_MAXINSNS
  static let greatestProgram = 4096

  static func instruction(_ code: UInt16, _ jumpTrue: UInt8 = 0, _ jumpFalse: UInt8 = 0, k: UInt32) -> UInt64 {
    UInt64(code) | UInt64(jumpTrue) << 16 | UInt64(jumpFalse) << 24 | UInt64(k) << 32
  }
}
