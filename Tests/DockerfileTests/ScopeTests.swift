import OCI
import Testing

@testable import Dockerfile

/// Scope of the last stage after all its instructions, stages from stages included.
private func scope(
  _ text: String, _ given: [String: String] = [:], environment: [String] = []
) throws -> (StageScope, BuildArguments) {
  let file = try parsed(text)
  var arguments = BuildArguments(given: given, stage: file.stages.last?.name ?? "")
  try arguments.declareGlobals(of: file)
  var scopes: [StageScope] = []
  for (index, stage) in file.stages.enumerated() {
    let base = try arguments.origin(of: stage, escape: file.directives.escape).base
    var scope =
      file.stage(named: base, before: index).map { scopes[$0] }
      ?? StageScope(environment: environment, arguments: arguments, escape: file.directives.escape)
    for node in stage.instructions { _ = try scope.expand(node) }
    scopes.append(scope)
  }
  return (try #require(scopes.last), arguments)
}

@Suite struct ScopeTests {
  @Test func `a global ARG is seen by FROM, and by a stage that declares it`() throws {
    let text = "ARG v=1\nARG w=$v.2\nFROM x:$w\nENV a=$v\nARG v\nENV b=$v\nARG w=own-$v\nENV c=$w\n"
    let (scope, arguments) = try scope(text)
    #expect(scope.environment.entries == ["a=", "b=1", "c=own-1"])
    #expect(arguments.globals["w"] == "1.2")
    #expect(try arguments.origin(of: try parsed(text).stages[0], escape: "\\").base == "x:1.2")
  }

  @Test func `what is given wins over defaults`() throws {
    let (scope, _) = try scope(
      "ARG g=1\nFROM x\nARG g\nARG s=2 t=$s u\nENV e=$g-$s-$t-$u\n", ["g": "a", "s": "b", "u": "c"])
    #expect(scope.environment["e"] == "a-b-b-c")
    #expect(scope.argumentEntries == ["g=a", "s=b", "t=b", "u=c"])
  }

  @Test func `a stage from a stage has its variables, another has not`() throws {
    let text = "FROM x AS one\nARG a=1\nENV b=2\nFROM one\nENV c=$a$b\n"
    #expect(try scope(text).0.environment.entries == ["b=2", "c=12"])
    #expect(try scope("FROM x AS one\nARG a=1\nFROM y\nENV c=$a\n").0.environment.entries == ["c="])
  }

  @Test func `the last of ENV and ARG wins, and the config gets ENV alone`() throws {
    let (scope, _) = try scope("FROM x\nARG v=arg\nENV v=env\nENV w=$v\n", environment: ["PATH=/bin", "base=1"])
    #expect(scope.environment.entries == ["PATH=/bin", "base=1", "v=env", "w=env"])
    #expect(try self.scopeOf("FROM x\nENV v=env\nARG v=arg\nENV w=$v\n").environment["w"] == "arg")
  }

  private func scopeOf(_ text: String) throws -> StageScope { try scope(text).0 }

  @Test func `platform variables are global, and a stage declares them`() throws {
    let (scope, arguments) = try scope(
      "FROM --platform=$BUILDPLATFORM x AS t\nENV a=$TARGETARCH\nARG TARGETARCH\nENV b=$TARGETARCH\nARG TARGETSTAGE\n")
    #expect(scope.environment["a"] == "")
    #expect(scope.environment["b"] == Platform.host.architecture)
    #expect(arguments.globals["TARGETPLATFORM"] == Platform.host.description)
    #expect(scope.variables["TARGETSTAGE"] == "t")
  }

  @Test func `undefined names are told, declared ones are not`() throws {
    let file = try parsed("FROM x\nARG d\nWORKDIR /$d/$u/$u/$k\n")
    var scope = StageScope(environment: ["k=1"], arguments: BuildArguments(), escape: "\\")
    _ = try scope.expand(file.stages[0].instructions[0])
    let expanded = try scope.expand(file.stages[0].instructions[1])
    #expect(expanded.undefined == ["u"])
    #expect(expanded.used == ["k"])
  }

  @Test func `given arguments that nothing declares are told`() throws {
    let file = try parsed("ARG a\nFROM x\nARG b=1\n")
    let arguments = BuildArguments(given: [
      "a": "", "b": "", "c": "", "HTTP_PROXY": "p", "BUILDKIT_INLINE_CACHE": "1", "TARGETARCH": "x",
    ])
    #expect(arguments.unused(by: file) == ["c"])
    #expect(arguments.proxyEnvironment == ["HTTP_PROXY=p"])
  }

  @Test(arguments: [
    ("FROM $none\n", "base name ($none) should not be blank"),
    ("FROM --platform=$none x\n", "empty platform value from expression $none"),
  ])
  func `an empty base or platform is refused`(text: String, message: String) throws {
    let file = try parsed(text)
    #expect {
      try BuildArguments().origin(of: file.stages[0], escape: "\\")
    } throws: { ($0 as? BuildDiagnostic)?.message == message && ($0 as? BuildDiagnostic)?.range == SourceRange(1) }
  }

  @Test func `stages are found by name and by number, the last of a name first`() throws {
    let file = try parsed("FROM x AS a\nFROM y AS a\nFROM a AS b\n")
    #expect(file.stage(calledFor: "A") == 1)
    #expect(file.stage(calledFor: "a", before: 1) == 0)
    #expect(file.stage(calledFor: "0") == 0)
    #expect(file.stage(calledFor: "3") == nil)
    #expect(file.stage(calledFor: "busybox") == nil)
    #expect(file.stage(named: "0") == nil)
  }
}
