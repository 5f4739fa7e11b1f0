/// What a Dockerfile, its ignore file and their expansion may cost (SECURITY D: every number from outside has a
/// limit).
package enum DockerfileLimits {
  /// Bytes of a Dockerfile, heredocs included.
  package static let fileBytes = 4 << 20
  /// Bytes of one instruction once its continuation lines are joined, without its heredocs.
  package static let instructionBytes = 1 << 20
  package static let instructions = 20_000
  package static let stages = 1000
  package static let heredocsPerInstruction = 100
  /// Bytes that the variables of one instruction may grow to.
  package static let expandedBytes = 1 << 20
  /// `${a:-${b:-…}}` inside each other.
  package static let expansionDepth = 64
  /// Comparisons that the patterns (`${v#p}`, `${v//p/r}`) of one instruction may make.
  package static let patternSteps = 2_000_000
  /// Fields of one `--mount` or `--device`.
  package static let optionFields = 64
  /// Bytes and lines of a `.dockerignore`.
  package static let ignoreFileBytes = 4 << 20
  package static let ignorePatterns = 20_000
  /// Bytes of one pattern of an ignore file: a path has no more (PATH_MAX).
  package static let ignorePatternBytes = 4096
  /// Ports that one image may expose.
  package static let exposedPorts = 65_536
}
