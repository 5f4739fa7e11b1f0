/// ONBUILD: an instruction that runs when the image is somebody's base.
package struct OnbuildInstruction: Equatable, Sendable {
  /// What the image's config keeps: the instruction, and its heredocs in lines of their own.
  package var trigger: String
}

extension OnbuildInstruction: InstructionPayload {
  static let keyword = "ONBUILD"

  /// The trigger is parsed, so that its errors show now and not in somebody else's build.
  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    _ = try FlagReader(line, known: [])
    guard !line.rest.isEmpty else { throw BuildDiagnostic("ONBUILD requires at least one argument") }
    let inner = InstructionLine(line.rest, heredocs: line.heredocs, escape: line.escape)
    try Self.check(trigger: inner.keyword)
    _ = try InstructionSet.parse(inner)
    trigger = line.rest
    for heredoc in line.heredocs { trigger += "\n" + heredoc.content + heredoc.name }
  }

  static func check(trigger keyword: String) throws(BuildDiagnostic) {
    switch keyword.uppercased() {
    case "ONBUILD": throw BuildDiagnostic("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", word: keyword)
    case "FROM", "MAINTAINER":
      throw BuildDiagnostic("\(keyword.uppercased()) isn't allowed as an ONBUILD trigger", word: keyword)
    default: break
    }
  }

  /// Nothing: the build that the trigger runs in has the variables.
  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {}

  var instruction: Instruction { .onbuild(self) }
}
