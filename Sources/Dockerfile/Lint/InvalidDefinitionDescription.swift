internal import Basics

/// Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not
/// intended to be a description comment, add an empty line or comment between the instruction and the comment.
enum InvalidDefinitionDescription: LintCheck {
  static let rule = LintRule(
    "InvalidDefinitionDescription",
    "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If "
      + "this is not intended to be a description comment, add an empty line or comment between the "
      + "instruction and the comment.",
    page: "invalid-definition-description", experimental: true)

  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    let dockerfile = subject.dockerfile
    for node in dockerfile.globalArguments + dockerfile.stages.flatMap(\.instructions) {
      guard case .arg(let arg) = node.instruction, let example = arg.arguments.first?.name else { continue }
      let names = arg.arguments.map(\.name)
      if let message = message("ARG", names, names.count > 1 ? "<arg_key>" : example, node.comments) {
        report.add(message, at: node)
      }
    }
    for stage in dockerfile.stages {
      guard let name = stage.name, let message = message("FROM", [name], name, stage.comments) else { continue }
      report.add(message, at: stage)
    }
  }

  private static func message(_ keyword: String, _ names: [String], _ example: String, _ comments: [String]) -> String?
  {
    guard let last = comments.last, let first = last.split(separator: " ").first, !names.contains(String(first))
    else { return nil }
    return "Comment for \(keyword) should follow the format: `# \(safeText(example)) <description>`"
  }
}
