/// One instruction with its own meaning; FROM is not among them, it begins a `DockerfileStage`.
package enum Instruction: Equatable, Sendable {
  case add(AddInstruction)
  case arg(ArgInstruction)
  case cmd(CmdInstruction)
  case copy(CopyInstruction)
  case entrypoint(EntrypointInstruction)
  case env(EnvInstruction)
  case expose(ExposeInstruction)
  case healthcheck(HealthcheckInstruction)
  case label(LabelInstruction)
  case maintainer(MaintainerInstruction)
  case onbuild(OnbuildInstruction)
  case run(RunInstruction)
  case shell(ShellInstruction)
  case stopSignal(StopSignalInstruction)
  case user(UserInstruction)
  case volume(VolumeInstruction)
  case workdir(WorkdirInstruction)

  /// Stages, images or named contexts whose files it reads, as written: `COPY --from`, `RUN --mount=from=`.
  package var origins: [String] {
    switch self {
    case .copy(let copy): copy.from.map { [$0] } ?? []
    case .run(let run): run.mountOrigins
    default: []
    }
  }
}

/// An instruction where it stands.
package struct InstructionNode: Equatable, Sendable {
  package var instruction: Instruction
  /// As written: `RUN`, `run`.
  package var keyword: String
  /// The whole instruction in one line, continuation lines joined, without heredocs.
  package var text: String
  package var range: SourceRange
  /// The comment lines right above, without `#`.
  package var comments: [String]

  /// What a comment right above says of `name`: `# name description`.
  static func description(of name: String, in comments: [String]) -> String? {
    for comment in comments where comment.hasPrefix(name + " ") {
      return String(comment.dropFirst(name.utf8.count + 1))
    }
    return nil
  }
}
