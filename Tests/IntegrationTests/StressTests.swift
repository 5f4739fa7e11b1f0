import TestSupport
import Testing

/// Mixed commands of one user at once, for a moment; `make stress` does it for five minutes.
@Suite(.serialized, .runsContainers)
struct StressTests {
  @Test func `commands at once neither hang nor lose anything`() throws {
    try withStore { store in
      let script = store.directory + "/stress"
      try mustRun(["install", "-m", "755", sourceDirectory + "/scripts/stress", script])
      let place = store.directory + "/stress.d"
      try mustRun(["mkdir", place], as: store.identity)
      let outcome = try ChildProcess(
        [script, "5", "8"], as: store.identity,
        environment: store.environment.merging([
          "DHOW": DhowBinary.path, "DHOW_STRESS_DIRECTORY": place, "DHOW_STRESS_AS_ROOT": "1",
        ]) { $1 }
      ).wait(timeout: 240)
      #expect(outcome.succeeded && outcome.out.hasSuffix("all right"), "\(outcome)")
    }
  }
}
