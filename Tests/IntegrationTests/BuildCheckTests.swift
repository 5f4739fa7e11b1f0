import TestSupport
import Testing

/// BuildKit's checks at the command line.
@Suite(.serialized, .runsContainers)
struct BuildCheckTests {
  private func withDockerfile(_ text: String, _ body: (Store, String) throws -> Void) throws {
    try withStore { store in
      let place = try store.folder("context")
      try store.file("context/Dockerfile", text)
      try body(store, place)
    }
  }

  @Test func `--check says what is found, builds nothing, and asks nobody`() throws {
    let text =
      "FROM registry.invalid/none AS One\nWORKDIR x\nRUN exit 1\n# check=skip=MaintainerDeprecated\nMAINTAINER x\n"
    try withDockerfile(text) { store, place in
      let found = try store.dhow("build", "--check", place)
      #expect(found.status == 1)
      #expect(found.out.contains("WARNING: StageNameCasing - https://"))
      #expect(found.out.contains("Stage name 'One' should be lowercase\nDockerfile:1\n"))
      #expect(found.out.contains("   2 | >>> WORKDIR x\n"))
      #expect(found.lines.last == "Check complete, 2 warnings have been found!")
      #expect(!found.out.contains("WARNING: MaintainerDeprecated"))
      try store.file("context/Dockerfile", "FROM registry.invalid/none\nWORKDIR /x\n")
      let clean = try store.dhow("build", "--call=check", place)
      #expect(clean.status == 0)
      #expect(clean.out == "Check complete, no warnings found.")
      try store.file("context/Dockerfile", "FROM a\nRUM x\n")
      let broken = try store.dhow("build", "--check", place)
      #expect(broken.status == 1)
      #expect(broken.err.contains("unknown instruction: RUM") && broken.err.contains("did you mean RUN?"))
    }
  }

  @Test func `a build shows findings and goes on, unless they are errors`() throws {
    try withDockerfile("FROM busybox\nMAINTAINER x\nUSER $NOBODY\nUSER ${PATH:+1}\n") { store, place in
      try store.loadBusybox()
      let built = try store.dhow("build", "-t", "made", place)
      #expect(built.status == 0, "\(built)")
      #expect(built.err.contains("MaintainerDeprecated: Maintainer instruction is deprecated"))
      #expect(built.err.contains("UndefinedVar: Usage of undefined variable '$NOBODY' (line 3)"))
      #expect(!built.err.contains("'$PATH'"))
      #expect(try store.dhow("build", "-q", place).err == "")
      let strict = try store.dhow(
        "build", "--build-arg", "BUILDKIT_DOCKERFILE_CHECK=skip=UndefinedVar;error=true", place)
      #expect(strict.status == 1)
      #expect(strict.err.contains("lint violation found for rules: MaintainerDeprecated"))
    }
  }

  @Test func `--call=targets lists the stages`() throws {
    try withDockerfile("# base is for all\nFROM a AS base\n\n# app runs\nFROM base AS app\n") { store, place in
      let lines = try store.must("build", "--call=targets", place).lines
      #expect(
        lines == [
          "TARGET          DESCRIPTION", "base            is for all", "app (default)   runs",
        ])
    }
  }
}
