// A scripted registry and token service for tests: `registry-double SCENARIO.json`. Says `listening PORT` on standard
// output, answers as the scenario says (Scenario.swift), writes every request it sees to the scenario's record.
import Glibc
import LinuxKernel

guard CommandLine.arguments.count == 2 else {
  complain("usage: registry-double SCENARIO.json")
  exit(2)
}
do {
  let scenario = try Scenario(path: CommandLine.arguments[1])
  try DoubleServer(scenario).serve { port in
    let line = Array("listening \(port)\n".utf8)
    try File.writeAll(1, line)
  }
} catch {
  complain("\(error)")
  exit(1)
}
