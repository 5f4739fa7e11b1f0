import OCI
import Testing

@testable import Dockerfile

@Suite struct LintTests {
  /// Rule and line of what is found.
  private func findings(
    _ text: String, ignore: String = "", given: [String: String] = [:], bases: [Int: LintBase] = [:]
  ) throws -> [String] {
    let file = try parsed(text)
    var arguments = BuildArguments(given: given)
    try arguments.declareGlobals(of: file)
    let patterns = try IgnorePatterns(parsing: Array(ignore.utf8), name: "i")
    return file.lint(arguments: arguments, ignore: patterns, bases: bases)
      .map { "\($0.rule?.name ?? "") \($0.range?.first ?? 0)" }
  }

  @Test(arguments: [
    ("FROM a AS Base", "StageNameCasing 1"), ("FROM a as b", "FromAsCasing 1"), ("from a AS b", "FromAsCasing 1"),
    ("FROM a\nRUN x \\\n\n y", "NoEmptyContinuation 2"), ("FROM a\nrun x\nUSER y", "ConsistentInstructionCasing 2"),
    ("FROM a\nRun x\nUSER y", "ConsistentInstructionCasing 2"), ("FROM a AS b\nFROM c AS b", "DuplicateStageName 2"),
    ("FROM a AS scratch", "ReservedStageName 1"), ("FROM a AS context", "ReservedStageName 1"),
    ("FROM a\nCMD x", "JSONArgsRecommended 2"), ("FROM a\nENTRYPOINT x", "JSONArgsRecommended 2"),
    ("FROM a\nMAINTAINER x", "MaintainerDeprecated 2"), ("FROM --platform=$X a", "UndefinedArgInFrom 1"),
    ("FROM a\nWORKDIR x", "WorkdirRelativePath 2"), ("FROM scratch\nUSER $x", "UndefinedVar 2"),
    ("FROM a\nCMD [\"x\"]\nCMD [\"y\"]", "MultipleInstructionsDisallowed 2"),
    ("FROM a\nHEALTHCHECK NONE\nHEALTHCHECK CMD y", "MultipleInstructionsDisallowed 2"),
    ("FROM a\nENV x y", "LegacyKeyValueFormat 2"), ("FROM a\nLABEL x y", "LegacyKeyValueFormat 2"),
    ("FROM --platform=$TARGETPLATFORM a", "RedundantTargetPlatform 1"),
    ("FROM a\nARG DB_PASSWORD", "SecretsUsedInArgOrEnv 2"), ("FROM a\nENV token=x", "SecretsUsedInArgOrEnv 2"),
    ("ARG v\nFROM a:$v", "InvalidDefaultArgInFrom 2"),
    ("FROM --platform=linux/arm64 a", "FromPlatformFlagConstDisallowed 1"),
    ("FROM a\nEXPOSE 80/TCP", "ExposeProtoCasing 2"), ("FROM a\nEXPOSE 80:80", "ExposeInvalidFormat 2"),
  ])
  func `each check finds its case`(text: String, finding: String) throws {
    let found = try findings(text)
    #expect(found.contains(finding))
  }

  @Test(arguments: [
    "FROM a AS b\nFROM b AS c", "from a as b\nrun x", "FROM a\nSHELL [\"/bin/bash\", \"-c\"]\nCMD x",
    "FROM a\nWORKDIR /x\nWORKDIR y",
    "FROM a\nUSER $PATH", "FROM a\nARG x\nUSER $x", "FROM --platform=$BUILDPLATFORM a",
    "FROM --platform=linux/arm64 a AS x-arm64",
    "FROM a\nARG SECRET_FILE PUBLIC_KEY keyboard", "ARG v=1\nFROM a:$v", "FROM a\nEXPOSE 80/udp",
    "FROM a AS x\nWORKDIR /a\nFROM x\nWORKDIR b",
    "FROM a\nCMD [\"x\"]\nFROM a\nCMD [\"y\"]", "# comment\nFROM a AS b\n",
  ])
  func `what is right is not found`(text: String) throws { #expect(try findings(text) == []) }

  @Test func `variables of the base and of an unknown base are not undefined`() throws {
    #expect(try findings("FROM a\nUSER $JAVA", bases: [0: LintBase(environment: ["JAVA=1"])]) == [])
    #expect(try findings("FROM a\nUSER $JAVA", bases: [0: LintBase(environment: [])]) == ["UndefinedVar 2"])
    #expect(try findings("FROM a\nCMD x", bases: [0: LintBase(environment: [], hasShell: true)]) == [])
  }

  @Test func `a base of another platform is told`() throws {
    let base = LintBase(
      environment: [], platform: Platform(os: "linux", architecture: "arm64"),
      wanted: Platform(os: "linux", architecture: "amd64"))
    #expect(try findings("FROM a", bases: [0: base]) == ["InvalidBaseImagePlatform 1"])
  }

  @Test func `copied files that are ignored are told`() throws {
    #expect(try findings("FROM a\nCOPY x y /z/", ignore: "x") == ["CopyIgnoredFile 2"])
    #expect(try findings("FROM a\nADD ./d/f /z/", ignore: "d") == ["CopyIgnoredFile 2"])
    #expect(try findings("FROM a\nCOPY . /z/", ignore: "*") == ["CopyIgnoredFile 2"])
    #expect(try findings("FROM a\nCOPY . /z/", ignore: "x") == [])
    #expect(try findings("FROM a\nCOPY x /z/", ignore: "x\n!x/y") == [])
    #expect(try findings("FROM a AS b\nFROM a\nCOPY --from=b x /z/", ignore: "x") == [])
  }

  @Test func `descriptions are checked when asked for`() throws {
    let text = "# what\nARG v=1\nFROM a\n"
    #expect(try findings(text) == [])
    #expect(try findings("# check=experimental=all\n" + text) == ["InvalidDefinitionDescription 3"])
    #expect(try findings("# check=experimental=InvalidDefinitionDescription\n# v is\nARG v=1\nFROM a\n") == [])
    #expect(try findings("# check=experimental=all\n# what\n\nARG v=1\nFROM a\n") == [])
  }

  @Test func `checks are skipped by the file and above an instruction`() throws {
    #expect(
      try findings("# check=skip=MaintainerDeprecated\nFROM a\nMAINTAINER x\nWORKDIR x\n") == ["WorkdirRelativePath 4"])
    #expect(try findings("# check=skip=all\nFROM a\nMAINTAINER x\nWORKDIR x\n") == [])
    #expect(
      try findings("FROM a\n# check=skip=MaintainerDeprecated\nMAINTAINER x\nMAINTAINER y\n") == [
        "MaintainerDeprecated 4"
      ])
  }

  @Test func `the error of a strict file names the rules`() throws {
    let file = try parsed("# check=error=true\nFROM a\nMAINTAINER x\nMAINTAINER y\nWORKDIR x\n")
    #expect(file.directives.check.error)
    let found = file.lint(arguments: BuildArguments())
    #expect(
      ParsedDockerfile.violation(of: found)?.message
        == "lint violation found for rules: MaintainerDeprecated, WorkdirRelativePath")
    #expect(ParsedDockerfile.violation(of: []) == nil)
  }

  @Test func `near names are suggested`() throws {
    let file = try parsed("ARG version=1\nFROM a:$vesion\nENV home=/x\nUSER $hom\n")
    var arguments = BuildArguments()
    try arguments.declareGlobals(of: file)
    let messages = file.lint(arguments: arguments, bases: [0: LintBase(environment: [])]).map(\.message)
    #expect(messages.contains("FROM argument 'vesion' is not declared (did you mean version?)"))
    #expect(messages.contains("Usage of undefined variable '$hom' (did you mean $home?)"))
  }
}
