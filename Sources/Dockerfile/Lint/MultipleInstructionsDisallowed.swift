/// Multiple instructions of the same type should not be used in the same stage
enum MultipleInstructionsDisallowed: LintCheck {
  static let rule = LintRule(
    "MultipleInstructionsDisallowed",
    "Multiple instructions of the same type should not be used in the same stage",
    page: "multiple-instructions-disallowed")

  /// The finding stands at the earlier one, which is the one without effect.
  static func inspect(_ subject: LintSubject, _ report: inout LintReport) {
    for stage in subject.stages {
      var last: [String: InstructionNode] = [:]
      for node in stage.stage.instructions {
        switch node.instruction {
        case .cmd, .entrypoint, .healthcheck: break
        default: continue
        }
        if let before = last.updateValue(node, forKey: node.keyword.uppercased()) {
          report.add(
            "Multiple \(node.keyword) instructions should not be used in the same stage because only the last one "
              + "will be used", at: before, word: before.keyword)
        }
      }
    }
  }
}
