/// What every instruction can do; one file each in Instructions/.
protocol InstructionPayload: Sendable {
  /// In upper case.
  static var keyword: String { get }
  /// Takes the instruction apart; errors need no place.
  init(parsing line: InstructionLine) throws(BuildDiagnostic)
  /// Puts variables in, where this instruction has them.
  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic)
  var instruction: Instruction { get }
}

/// All instructions; to add one, add its type here and its case to `Instruction`.
enum InstructionSet {
  static let all: [any InstructionPayload.Type] = [
    AddInstruction.self, ArgInstruction.self, CmdInstruction.self, CopyInstruction.self, EntrypointInstruction.self,
    EnvInstruction.self, ExposeInstruction.self, HealthcheckInstruction.self, LabelInstruction.self,
    MaintainerInstruction.self, OnbuildInstruction.self, RunInstruction.self, ShellInstruction.self,
    StopSignalInstruction.self, UserInstruction.self, VolumeInstruction.self, WorkdirInstruction.self,
  ]

  static let keywords = all.map { $0.keyword } + ["FROM"]

  static func parse(_ line: InstructionLine) throws(BuildDiagnostic) -> Instruction {
    let keyword = line.keyword.uppercased()
    guard let type = all.first(where: { $0.keyword == keyword }) else {
      throw .unknown("unknown instruction", line.keyword, among: keywords)
    }
    return try type.init(parsing: line).instruction
  }
}

extension Instruction {
  /// The payload, for what every instruction can do.
  var payload: any InstructionPayload {
    switch self {
    case .add(let payload): payload
    case .arg(let payload): payload
    case .cmd(let payload): payload
    case .copy(let payload): payload
    case .entrypoint(let payload): payload
    case .env(let payload): payload
    case .expose(let payload): payload
    case .healthcheck(let payload): payload
    case .label(let payload): payload
    case .maintainer(let payload): payload
    case .onbuild(let payload): payload
    case .run(let payload): payload
    case .shell(let payload): payload
    case .stopSignal(let payload): payload
    case .user(let payload): payload
    case .volume(let payload): payload
    case .workdir(let payload): payload
    }
  }
}
