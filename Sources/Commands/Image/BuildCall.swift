internal import Basics
internal import ContainerEngine
internal import ImageBuild

/// `--call`: what `build` does with the Dockerfile.
enum BuildCall: String, CaseIterable {
  case build, check, targets

  /// `--check`: findings as docker shows them, and status 1 when there are any.
  static func check(_ request: BuildRequest, _ engine: Engine, _ invocation: Invocation) throws -> ExitCode {
    let findings = try engine.checkBuild(request, observer: PlainBuildView(invocation.errors))
    let output = invocation.output
    let rule = String(repeating: "-", count: 20)
    for finding in findings {
      output.line("WARNING: \(finding.rule)" + (finding.page.isEmpty ? "" : " - \(finding.page)"))
      output.line(safeText(finding.message))
      output.line(finding.place)
      for line in [rule] + finding.excerpt + [rule, ""] { output.line(line) }
    }
    switch findings.count {
    case 0: output.line("Check complete, no warnings found.")
    case 1: output.line("Check complete, 1 warning has been found!")
    default: output.line("Check complete, \(findings.count) warnings have been found!")
    }
    return findings.isEmpty ? .success : .failure
  }

  /// `--call=targets`: a table of the stages, the one that is built without a target marked.
  static func targets(_ request: BuildRequest, _ engine: Engine, _ invocation: Invocation) throws -> ExitCode {
    let targets = try engine.buildTargets(request, observer: PlainBuildView(invocation.errors))
    let names = targets.map { safeText($0.name) + ($0.isDefault ? ($0.name.isEmpty ? "(default)" : " (default)") : "") }
    let width = max(8, names.map(\.count).max() ?? 0) + 3
    func row(_ name: String, _ description: String) {
      let gap = description.isEmpty ? "" : String(repeating: " ", count: width - name.count)
      invocation.output.line(name + gap + description)
    }
    row("TARGET", "DESCRIPTION")
    for (target, name) in zip(targets, names) where !name.isEmpty { row(name, safeText(target.description)) }
    return .success
  }
}
