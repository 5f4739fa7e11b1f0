internal import Basics

/// `# check=skip=A,B;error=true;experimental=C`, and the build argument `BUILDKIT_DOCKERFILE_CHECK` of the same form.
package struct LintConfiguration: Equatable, Sendable {
  package enum Selection: Equatable, Sendable {
    case all
    case rules(Set<String>)

    func contains(_ name: String) -> Bool {
      switch self {
      case .all: true
      case .rules(let names): names.contains(name)
      }
    }

    func union(_ other: Selection) -> Selection {
      guard case .rules(let mine) = self, case .rules(let others) = other else { return .all }
      return .rules(mine.union(others))
    }
  }

  package var skip = Selection.rules([])
  package var experimental = Selection.rules([])
  /// Findings make the build fail.
  package var error = false

  package init() {}

  package init(parsing text: String) throws(BuildDiagnostic) {
    for option in text.split(separator: ";") {
      let parts = option.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else {
        throw BuildDiagnostic("invalid check option \(goQuoted(String(option)))", word: String(option))
      }
      let value = trimmed(String(parts[1]))
      switch trimmed(String(parts[0])) {
      case "skip": skip = Self.selection(value)
      case "experimental": experimental = Self.selection(value)
      case "error":
        guard let flag = goBool(value) else {
          throw BuildDiagnostic("failed to parse check option \(goQuoted(String(option)))", word: String(option))
        }
        error = flag
      default:
        throw BuildDiagnostic(
          "invalid check option \(goQuoted(String(parts[0])))",
          hint: nearest(to: String(parts[0]), among: ["skip", "experimental", "error"]).map { "did you mean \($0)?" },
          word: String(option))
      }
    }
  }

  private static func selection(_ text: String) -> Selection {
    text == "all" ? .all : .rules(Set(text.split(separator: ",").map { trimmed(String($0)) }))
  }

  /// With what a comment above an instruction says for that instruction.
  func merged(with other: LintConfiguration) -> LintConfiguration {
    var result = self
    result.skip = skip.union(other.skip)
    result.experimental = experimental.union(other.experimental)
    return result
  }

  func allows(_ rule: LintRule) -> Bool {
    rule.experimental ? experimental.contains(rule.name) : !skip.contains(rule.name)
  }
}

/// What Go's strconv.ParseBool takes.
func goBool(_ text: String) -> Bool? {
  switch text {
  case "1", "t", "T", "true", "TRUE", "True": true
  case "0", "f", "F", "false", "FALSE", "False": false
  default: nil
  }
}
