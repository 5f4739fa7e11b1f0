import Basics
import OCI
import Testing

@testable import Runtime

struct SeccompDefaultTests {
  /// The classes of `DefaultSeccompProfile.resolved`, made from the names.
  private func classes(_ interface: SyscallInterface) -> String {
    var letters: [String: Unicode.Scalar] = [:]
    let allowed = DefaultSeccompProfile.allowed.description.split(whereSeparator: { $0 == " " || $0 == "\n" })
    for name in allowed.map(String.init) + DefaultSeccompProfile.tracing { letters[name] = "A" }
    for name in DefaultSeccompProfile.machineSpecific.values.joined() { letters[name] = "A" }
    for item in DefaultSeccompProfile.conditionalClasses {
      let granted = item.capabilities.map { capability in
        Set(DefaultSeccompProfile.grants.filter { $0.capability == capability }.flatMap(\.names))
      }
      let first = granted[0]
      for name in granted.dropFirst().reduce(first, { $0.intersection($1) }) { letters[name] = item.letter }
    }
    letters["clone"] = "c"
    letters["clone3"] = "d"
    letters["personality"] = "p"
    letters["socket"] = "s"
    var byNumber: [Int: Unicode.Scalar] = [:]
    for (name, numbers) in SyscallTable().all where numbers[interface.rawValue] >= 0 {
      let number = Int(numbers[interface.rawValue])
      let letter: Unicode.Scalar = letters[name] ?? (number > 466 && number < 512 ? "N" : "E")
      if byNumber[number] != "A" { byNumber[number] = letter }
    }
    var runs: [(Unicode.Scalar, Int)] = []
    for number in 0...(byNumber.keys.max() ?? 0) + 1 {
      let letter = byNumber[number] ?? "N"
      if let last = runs.last, last.0 == letter { runs[runs.count - 1].1 += 1 } else { runs.append((letter, 1)) }
    }
    return runs.map { "\($0.0)" + ($0.1 > 1 ? "\($0.1)" : "") }.joined()
  }

  @Test(arguments: SyscallInterface.allCases)
  func `the resolved numbers are those of the names`(_ interface: SyscallInterface) {
    #expect(DefaultSeccompProfile.resolved(interface).description == classes(interface))
  }

  @Test(arguments: SyscallMachine.allCases)
  func `the fast program is the compiled specification`(_ machine: SyscallMachine) throws {
    for capabilities in capabilitySets {
      let specification = DefaultSeccompProfile.specification(bounding: capabilities, machine: machine)
      let compiled = try SeccompCompiler.compile(specification, machine: machine, doing: "testing")
      #expect(DefaultSeccompProfile.program(bounding: capabilities, machine: machine) == compiled, "\(capabilities)")
    }
  }
}
