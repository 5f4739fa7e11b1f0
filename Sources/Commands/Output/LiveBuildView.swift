internal import Basics
internal import ImageBuild

/// A live view of a build on a terminal, like BuildKit's: finished steps stay above, running ones are shown below with
/// their clocks and the last lines they wrote. The cursor rests below the lines between two writes, so that whatever ends
/// the program leaves the terminal in order.
final class LiveBuildView: BuildObserver {
  /// Lines of a running step that are shown.
  private static let tail = 6
  /// Between two paintings, in nanoseconds.
  private static let pause: Int64 = 80_000_000
  private static let clearLine = "\u{1B}[K"
  private static let clearBelow = "\u{1B}[J"
  private static let blue = "\u{1B}[34m"
  private static let red = "\u{1B}[31m"
  private static let dim = "\u{1B}[2m"
  private static let plain = "\u{1B}[0m"

  private struct Step {
    var title: String
    var began: Int64
    var splitter = LineSplitter()
    var lines: [String] = []
  }

  private let output: Output
  private let size: () -> (columns: Int, rows: Int)
  private let began = MonotonicClock.now
  private var steps: [Int: Step] = [:]
  private var order: [Int] = []
  private var drawn = 0
  private var columns = 0
  private var lastDrawn: Int64 = 0

  /// - Parameter size: of the terminal, for tests.
  init(_ output: Output, size: (() -> (columns: Int, rows: Int))? = nil) {
    self.output = output
    self.size = size ?? { output.terminalSize ?? (80, 24) }
  }

  func begin(_ step: BuildStepInfo) {
    steps[step.id] = Step(title: safeText(step.title), began: MonotonicClock.now)
    order.append(step.id)
    draw(force: false)
  }

  func output(_ id: Int, _ bytes: ArraySlice<UInt8>) {
    guard var step = steps.removeValue(forKey: id) else { return }
    step.lines += step.splitter.lines(bytes)
    if step.lines.count > 200 { step.lines.removeFirst(step.lines.count - 100) }
    steps[id] = step
    draw(force: false)
  }

  func note(_ id: Int, _ line: String) {
    steps[id]?.lines.append(safeText(line))
    draw(force: false)
  }

  func end(_ id: Int, _ outcome: BuildStepOutcome, nanoseconds: Int64) {
    guard var step = steps.removeValue(forKey: id) else { return }
    order.removeAll { $0 == id }
    if let rest = step.splitter.end() { step.lines.append(rest) }
    erase()
    let width = max(size().columns - 1, 20)
    switch outcome {
    case .done:
      output.write(fit("=> \(step.title)", BuildWords.seconds(nanoseconds) + "s", width, Self.blue))
    case .cached: output.write(fit("=> CACHED \(step.title)", "0.0s", width, Self.blue))
    case .canceled:
      output.write(fit("=> CANCELED \(step.title)", BuildWords.seconds(nanoseconds) + "s", width, Self.dim))
    case .failed(let reason):
      output.write(fit("=> ERROR \(step.title)", BuildWords.seconds(nanoseconds) + "s", width, Self.red))
      // All that was kept of what it wrote: the reason is mostly there.
      for line in step.lines { output.write("   \(line)\n") }
      output.write("   \(safeText(reason))\n")
    }
    draw(force: true)
  }

  func warn(_ sentence: String) {
    erase()
    output.write(safeText(sentence) + "\n")
    draw(force: true)
  }

  func tick() { draw(force: false) }

  private func fit(_ text: String, _ time: String, _ width: Int, _ colour: String) -> String {
    let room = max(width - time.count - 1, 1)
    let shown = text.count > room ? String(text.prefix(max(room - 3, 1))) + "..." : text
    let gap = String(repeating: " ", count: max(width - shown.count - time.count, 1))
    return "\(colour)\(shown)\(Self.plain)\(gap)\(time)\n"
  }

  private func erase() {
    // Narrower now: the terminal may have broken our lines, nobody knows into how many; they stay.
    if drawn > 0, size().columns >= columns { output.write("\r\u{1B}[\(drawn)A\(Self.clearBelow)") }
    drawn = 0
  }

  private func draw(force: Bool) {
    let now = MonotonicClock.now
    guard force || now - lastDrawn > Self.pause else { return }
    lastDrawn = now
    let size = size()
    let width = max(size.columns - 1, 20)
    erase()
    columns = size.columns
    var lines: [String] = []
    let room = max(size.rows - 2, 3)
    for id in order {
      guard let step = steps[id], lines.count < room else { continue }
      lines.append(fit(" => \(step.title)", BuildWords.seconds(now - step.began) + "s", width, ""))
      for line in step.lines.suffix(min(Self.tail, room - lines.count)) {
        lines.append("\(Self.dim)\(fit(" => # \(line)", "", width, ""))")
      }
    }
    drawn = lines.count
    output.write(lines.joined())
    // A terminal that is gone has nobody to be told; the build goes on.
    try? output.flush()
  }
}
