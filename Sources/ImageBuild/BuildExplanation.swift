internal import OCI

/// What every step of a build depended on, to be compared with the build before: why a step was not in the cache.
package final class BuildExplanation {
  package struct Step: Sendable {
    package var stage: String
    package var parts: [(name: String, value: String)]
  }

  package private(set) var steps: [Step] = []

  package init() {}

  func note(_ stage: String, _ key: StepKey) { steps.append(Step(stage: stage, parts: key.parts)) }
}
