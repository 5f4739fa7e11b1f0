internal import Basics

/// RUN: a program that changes the files.
package struct RunInstruction: Equatable, Sendable {
  package enum Network: String, Sendable, CaseIterable { case standard = "default", none, host }
  package enum Security: String, Sendable, CaseIterable { case sandbox, insecure }

  package var command: CommandLine
  package var heredocs: [Heredoc] = []
  /// `--mount` as written, with their variables.
  package var mountTexts: [String] = []
  /// `from=` of the mounts, which has no variables.
  package var mountOrigins: [String] = []
  /// Filled by the expansion.
  package var mounts: [RunMount] = []
  package var network = Network.standard
  package var security = Security.sandbox
  package var devices: [RunDevice] = []

  /// What is executed once the heredocs are in their places.
  package struct Program: Equatable, Sendable {
    package var arguments: [String]
    /// A file to be made executable and mounted below `scriptDirectory`, read-only: a heredoc with an interpreter
    /// line.
    package var script: (name: String, content: String)? {
      scriptName.map { (name: $0, content: scriptContent) }
    }
    var scriptName: String?
    var scriptContent = ""
  }

  /// Where BuildKit puts such a script; programs may look at their own name.
  package static let scriptDirectory = "/dev/pipes"

  /// The program with heredocs put in: a heredoc alone is the shell's script, or a program of its own when it begins
  /// with an interpreter line; others are handed to the shell as they stand.
  package func program(shell: [String]) -> Program {
    guard case .shell(let line) = command, let first = heredocs.first else {
      return Program(arguments: command.arguments(shell: shell))
    }
    guard HeredocWord(line) != nil else {
      var script = line
      for heredoc in heredocs { script += "\n" + heredoc.content + heredoc.name }
      return Program(arguments: shell + [script])
    }
    let body = first.body
    guard body.hasPrefix("#!") else { return Program(arguments: shell + [body]) }
    return Program(
      arguments: [Self.scriptDirectory + "/" + first.name], scriptName: first.name, scriptContent: body)
  }
}

/// `--device`: a CDI device (labs).
package struct RunDevice: Equatable, Sendable {
  package var name: String
  package var required: Bool
}

extension RunInstruction: InstructionPayload {
  static let keyword = "RUN"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    let flags = try FlagReader(
      line, known: ["mount", "network", "security", "device"], repeatable: ["mount", "device"])
    command = try line.command()
    heredocs = line.heredocs
    mountTexts = try flags.texts("mount")
    for text in mountTexts {
      if let origin = try RunMount.origin(in: text) { mountOrigins.append(origin) }
      // What has no variables can be checked now.
      if !text.utf8.contains(UInt8(ascii: "$")) { _ = try RunMount(parsing: text) }
    }
    if let text = try flags.text("network") {
      guard let value = Network(rawValue: text) else {
        throw .invalidChoice("invalid network mode \(goQuoted(text))", text, among: Network.allCases.map(\.rawValue))
      }
      network = value
    }
    if let text = try flags.text("security") {
      guard let value = Security(rawValue: text) else {
        throw .invalidChoice("security \(goQuoted(text)) is not valid", text, among: Security.allCases.map(\.rawValue))
      }
      security = value
    }
    for text in try flags.texts("device") { devices.append(try RunDevice(parsing: text)) }
  }

  /// Only the mounts: the program's variables are the shell's.
  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {
    mounts = []
    for text in mountTexts {
      mounts.append(try RunMount(parsing: text) { (value) throws(BuildDiagnostic) in try expansion.word(value) })
    }
  }

  var instruction: Instruction { .run(self) }
}
