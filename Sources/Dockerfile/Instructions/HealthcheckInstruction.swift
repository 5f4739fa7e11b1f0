internal import Basics
package import OCI

/// HEALTHCHECK: how to find out whether the container works.
package struct HealthcheckInstruction: Equatable, Sendable {
  package var healthcheck: Healthcheck
}

extension HealthcheckInstruction: InstructionPayload {
  static let keyword = "HEALTHCHECK"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    let flags = try FlagReader(line, known: ["interval", "timeout", "start-period", "start-interval", "retries"])
    let type = String(line.rest.unicodeScalars.prefix { !$0.properties.isWhitespace })
    var command = line
    command.rest = trimmed(String(line.rest.unicodeScalars.dropFirst(type.unicodeScalars.count)))
    switch type.uppercased() {
    case "": throw BuildDiagnostic("HEALTHCHECK requires at least one argument")
    case "NONE":
      guard command.rest.isEmpty else {
        throw BuildDiagnostic("HEALTHCHECK NONE takes no arguments", word: command.rest)
      }
      healthcheck = Healthcheck(test: ["NONE"])
    case "CMD":
      let test: [String] =
        switch try command.command() {
        case .exec(let words): words.isEmpty ? [] : ["CMD"] + words
        case .shell(let line): line.isEmpty ? [] : ["CMD-SHELL", line]
        }
      guard !test.isEmpty else { throw BuildDiagnostic("Missing command after HEALTHCHECK CMD", word: type) }
      healthcheck = Healthcheck(
        test: test, interval: try Self.duration("interval", flags), timeout: try Self.duration("timeout", flags),
        startPeriod: try Self.duration("start-period", flags),
        startInterval: try Self.duration("start-interval", flags), retries: try Self.retries(flags))
    default:
      throw BuildDiagnostic(
        "Unknown type \(goQuoted(type.uppercased())) in HEALTHCHECK (try CMD)",
        hint: nearest(to: type, among: ["CMD", "NONE"]).map { "did you mean \($0)?" }, word: type)
    }
  }

  private static func duration(_ name: String, _ flags: FlagReader) throws(BuildDiagnostic) -> Int64 {
    guard let text = try flags.text(name), !text.isEmpty else { return 0 }
    let value: Int64
    do throws(HumanDuration.ParseError) { value = try HumanDuration.parse(text) } catch {
      throw BuildDiagnostic("--\(name): \(error.reason)", hint: "such as --\(name)=30s", word: text)
    }
    guard value == 0 || value >= Healthcheck.leastDuration else {
      throw BuildDiagnostic("Interval \(goQuoted(name)) cannot be less than 1ms", word: text)
    }
    return value
  }

  private static func retries(_ flags: FlagReader) throws(BuildDiagnostic) -> Int64 {
    guard let text = try flags.text("retries"), !text.isEmpty else { return 0 }
    guard let value = Int32(text) else {
      throw BuildDiagnostic("--retries: \(goQuoted(text)) is not a number", word: text)
    }
    guard value >= 0 else { throw BuildDiagnostic("--retries cannot be negative (\(value))", word: text) }
    return Int64(value)
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {}

  var instruction: Instruction { .healthcheck(self) }
}
