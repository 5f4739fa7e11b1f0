internal import Basics
internal import ImageBuild

/// How a build is shown: `--progress`.
enum BuildProgress: String, CaseIterable {
  case auto, plain, tty, quiet, rawjson

  func view(_ output: Output) -> any BuildObserver {
    switch self {
    case .auto: output.isTerminal ? LiveBuildView(output) : PlainBuildView(output)
    case .plain: PlainBuildView(output)
    case .tty: LiveBuildView(output)
    case .quiet: QuietBuildView(output)
    case .rawjson: JSONBuildView(output)
    }
  }
}

enum BuildWords {
  /// `1.2s`, as BuildKit has it.
  static func seconds(_ nanoseconds: Int64, digits: Int = 1) -> String {
    let unit: Int64 = digits == 1 ? 100_000_000 : 1_000_000
    let rounded = (nanoseconds + unit / 2) / unit
    let scale: Int64 = digits == 1 ? 10 : 1000
    let rest = String(rounded % scale)
    return "\(rounded / scale).\(String(repeating: "0", count: digits - rest.utf8.count))\(rest)"
  }

  static func outcome(_ outcome: BuildStepOutcome, _ nanoseconds: Int64) -> String {
    switch outcome {
    case .done: "DONE \(seconds(nanoseconds))s"
    case .cached: "CACHED"
    case .canceled: "CANCELED"
    case .failed(let reason): "ERROR: \(safeText(reason))"
    }
  }
}

/// Cuts a stream of bytes into lines that are safe to show.
struct LineSplitter {
  private static let longest = 16 << 10
  private var rest: [UInt8] = []

  mutating func lines(_ bytes: ArraySlice<UInt8>) -> [String] {
    var lines: [String] = []
    for byte in bytes {
      if byte == UInt8(ascii: "\n") || rest.count >= Self.longest {
        lines.append(text())
        if byte == UInt8(ascii: "\n") { continue }
      }
      rest.append(byte)
    }
    return lines
  }

  /// What came after the last end of a line.
  mutating func end() -> String? { rest.isEmpty ? nil : text() }

  private mutating func text() -> String {
    // Of a line that was written over by carriage returns the last state counts.
    while rest.last == UInt8(ascii: "\r") { rest.removeLast() }
    let shown = rest.lastIndex(of: UInt8(ascii: "\r")).map { rest[($0 + 1)...] } ?? rest[...]
    defer { rest = [] }
    return safeText(String(decoding: shown, as: UTF8.self))
  }
}

/// Lines as BuildKit's plain progress: `#5 [2/3] RUN make`, `#5 0.123 output`, `#5 DONE 1.2s`.
final class PlainBuildView: BuildObserver {
  private let output: Output
  private var began: [Int: Int64] = [:]
  private var splitters: [Int: LineSplitter] = [:]
  private var last = 0

  init(_ output: Output) { self.output = output }

  private func line(_ id: Int, _ text: String) {
    // Steps that run side by side are set apart.
    if last != id, last != 0 { output.write("\n") }
    last = id
    output.line("#\(id) \(text)")
    flush()
  }

  func begin(_ step: BuildStepInfo) {
    began[step.id] = MonotonicClock.now
    line(step.id, safeText(step.title))
  }

  func output(_ id: Int, _ bytes: ArraySlice<UInt8>) {
    let time = BuildWords.seconds(MonotonicClock.now - (began[id] ?? 0), digits: 3)
    for text in splitters[id, default: LineSplitter()].lines(bytes) { line(id, "\(time) \(text)") }
  }

  func note(_ id: Int, _ line: String) { self.line(id, safeText(line)) }

  func end(_ id: Int, _ outcome: BuildStepOutcome, nanoseconds: Int64) {
    if let rest = splitters[id]?.end() {
      line(id, "\(BuildWords.seconds(MonotonicClock.now - (began[id] ?? 0), digits: 3)) \(rest)")
    }
    splitters[id] = nil
    line(id, BuildWords.outcome(outcome, nanoseconds))
  }

  func warn(_ sentence: String) {
    output.line(safeText(sentence))
    flush()
  }

  func tick() {}

  private func flush() {
    // A reader that is gone is met again when the command ends.
    try? output.flush()
  }
}

/// `-q`: nothing, unless a step fails; then what it wrote.
final class QuietBuildView: BuildObserver {
  private static let kept = 64 << 10
  private let output: Output
  private var written: [Int: [UInt8]] = [:]

  init(_ output: Output) { self.output = output }

  func begin(_ step: BuildStepInfo) {}
  func note(_ id: Int, _ line: String) {}
  func tick() {}

  func output(_ id: Int, _ bytes: ArraySlice<UInt8>) {
    written[id, default: []] += bytes
    if let count = written[id]?.count, count > 2 * Self.kept { written[id]?.removeFirst(count - Self.kept) }
  }

  func end(_ id: Int, _ outcome: BuildStepOutcome, nanoseconds: Int64) {
    let bytes = written.removeValue(forKey: id) ?? []
    guard case .failed = outcome else { return }
    var splitter = LineSplitter()
    for line in splitter.lines(bytes[...]) { output.line(line) }
    if let rest = splitter.end() { output.line(rest) }
  }

  func warn(_ sentence: String) { output.line(safeText(sentence)) }
}

/// `--progress=rawjson`: a JSON object a line, in the members of BuildKit's solve status.
final class JSONBuildView: BuildObserver {
  private let output: Output
  private var steps: [Int: (title: String, started: Timestamp)] = [:]

  init(_ output: Output) { self.output = output }

  private func digest(_ id: Int) -> JSON { .string("sha256:\(String(repeating: "0", count: 48))\(padded(id))") }

  private func padded(_ id: Int) -> String {
    let text = String(id, radix: 16)
    return String(repeating: "0", count: 16 - text.utf8.count) + text
  }

  private func write(_ json: JSON) {
    output.write(json.text() + "\n")
    // A reader that is gone is met again when the command ends.
    try? output.flush()
  }

  private func vertex(_ id: Int, _ more: [(name: String, value: JSON)]) {
    guard let step = steps[id] else { return }
    var members: [(name: String, value: JSON)] = [
      ("digest", digest(id)), ("name", .string(step.title)), ("started", .string(step.started.rfc3339)),
    ]
    members += more
    write(.object(JSONObject([("vertexes", .array([.object(JSONObject(members))]))])))
  }

  func begin(_ step: BuildStepInfo) {
    steps[step.id] = (step.title, .now)
    vertex(step.id, [])
  }

  func output(_ id: Int, _ bytes: ArraySlice<UInt8>) {
    let log: JSON = [
      "vertex": digest(id), "stream": 1, "data": .string(base64Encoded(Array(bytes))),
      "timestamp": .string(Timestamp.now.rfc3339),
    ]
    write(["logs": .array([log])])
  }

  func note(_ id: Int, _ line: String) {
    let status: JSON = [
      "id": .string(line), "vertex": digest(id), "current": 0, "timestamp": .string(Timestamp.now.rfc3339),
    ]
    write(["statuses": .array([status])])
  }

  func end(_ id: Int, _ outcome: BuildStepOutcome, nanoseconds: Int64) {
    var more: [(name: String, value: JSON)] = [("completed", .string(Timestamp.now.rfc3339))]
    switch outcome {
    case .done: break
    case .cached: more.append(("cached", true))
    case .failed(let reason): more.append(("error", .string(reason)))
    case .canceled: more.append(("error", "canceled"))
    }
    vertex(id, more)
    steps[id] = nil
  }

  func warn(_ sentence: String) {
    write(["warnings": .array([["short": .string(base64Encoded(Array(sentence.utf8)))]])])
  }

  func tick() {}
}
