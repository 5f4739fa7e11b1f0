internal import Basics
internal import ContainerEngine
internal import Glibc

/// How a transfer is shown: lines that change on a terminal, off it one line for each thing that has happened.
enum TransferView {
  enum Direction { case pull, push }

  static func make(_ output: Output, _ direction: Direction) -> any TransferObserver {
    // A terminal that cannot move its cursor is as good as a file.
    let type = getenv("TERM").map { String(cString: $0) } ?? ""
    let canMove = output.isTerminal && type != "dumb" && !type.isEmpty
    return canMove ? LiveTransferView(output, direction) : PlainTransferView(output, direction)
  }

  /// docker's word for a phase.
  static func words(_ phase: TransferPhase, _ direction: Direction) -> String {
    switch phase {
    case .preparing: direction == .pull ? "Pulling fs layer" : "Preparing"
    case .waiting: "Waiting"
    case .downloading: "Downloading"
    case .retrying: "Retrying"
    case .verifying: "Verifying Checksum"
    case .downloaded: "Download complete"
    case .extracting: "Extracting"
    case .pulled: "Pull complete"
    case .alreadyThere: "Already exists"
    case .compressing: "Compressing"
    case .pushing: "Pushing"
    case .pushed: "Pushed"
    case .alreadyPushed: "Layer already exists"
    case .mounted: "Mounted"
    }
  }

  /// One layer on one line of at most `columns`, with docker's bar where there is room for it.
  static func line(_ item: TransferItem, _ direction: Direction, columns: Int) -> String {
    let head = "\(item.id): \(words(item.phase, direction))"
    var line = head
    switch item.phase {
    case .downloading, .extracting, .compressing, .pushing:
      let current = ByteCount.decimalText(item.current, digits: 4)
      guard item.total > 0 else {
        line += "  " + current
        break
      }
      let numbers = pad(current, to: 8) + "/" + ByteCount.decimalText(item.total, digits: 4)
      let width = min(50, columns - head.count - numbers.count - 6)
      line += width >= 10 ? " \(bar(item, width: width)) \(numbers)" : " \(numbers)"
    default: break
    }
    return String(line.prefix(columns))
  }

  private static func bar(_ item: TransferItem, width: Int) -> String {
    let share = min(1, max(0, Double(item.current) / Double(item.total)))
    let filled = Int(share * Double(width))
    guard filled < width else { return "[" + String(repeating: "=", count: width + 1) + "]" }
    return "[" + String(repeating: "=", count: filled) + ">" + String(repeating: " ", count: width - filled) + "]"
  }

  private static func pad(_ text: String, to width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}

/// A line for each layer, written over as things go on. The cursor is never hidden and rests below the lines between two
/// writes, so that whatever ends the program leaves the terminal in order.
final class LiveTransferView: TransferObserver {
  private let output: Output
  private let direction: TransferView.Direction
  private let size: () -> (columns: Int, rows: Int)
  /// The lines on the screen, which the cursor is below.
  private var lines: [String] = []
  private var columns = 0
  private var items: [TransferItem] = []

  private static let clearLine = "\u{1B}[K"
  private static let clearBelow = "\u{1B}[J"

  /// - Parameter size: of the terminal, for tests.
  init(_ output: Output, _ direction: TransferView.Direction, size: (() -> (columns: Int, rows: Int))? = nil) {
    self.output = output
    self.direction = direction
    self.size = size ?? { output.terminalSize ?? (80, 24) }
  }

  func say(_ sentence: String) {
    let shown = items
    erase()
    output.write(sentence + "\n")
    if !shown.isEmpty { show(shown) }
    flush()
  }

  func show(_ items: [TransferItem]) {
    self.items = items
    let size = size()
    let new = frame(items, columns: max(size.columns - 1, 20), rows: size.rows)
    // Narrower: the terminal may have broken our lines, nobody knows into how many. They stay, new ones begin below.
    if size.columns < columns { lines = [] }
    columns = size.columns
    guard new != lines else { return }
    var text = moveUp(lines.count)
    for (index, line) in new.enumerated() {
      if index < lines.count, lines[index] == line {
        text += "\n"
      } else {
        text += line + Self.clearLine + "\n"
      }
    }
    if new.count < lines.count { text += Self.clearBelow }
    lines = new
    output.write(text)
    flush()
  }

  func end() {
    // All of them, also those there was no room for.
    let last = items
    erase()
    for item in last { output.write(TransferView.line(item, direction, columns: max(size().columns - 1, 20)) + "\n") }
    items = []
    flush()
  }

  /// The lines that fit: all layers, or those that something happens to and a sum of the rest.
  private func frame(_ items: [TransferItem], columns: Int, rows: Int) -> [String] {
    let room = max(rows - 1, 2)
    guard items.count > room else { return items.map { TransferView.line($0, direction, columns: columns) } }
    let active = items.filter { !$0.phase.isFinal && $0.phase != .preparing && $0.phase != .waiting }
    let shown = active.prefix(room - 1)
    let done = items.count { $0.phase.isFinal }
    let sum = "\(done) of \(items.count) layers done"
    return shown.map { TransferView.line($0, direction, columns: columns) } + [String(sum.prefix(columns))]
  }

  private func erase() {
    // What is on the screen as broken lines cannot be taken back.
    if size().columns >= columns, !lines.isEmpty { output.write(moveUp(lines.count) + Self.clearBelow) }
    lines = []
    items = []
  }

  private func moveUp(_ count: Int) -> String { count == 0 ? "\r" : "\r\u{1B}[\(count)A" }

  private func flush() {
    // A terminal that is gone has nobody to be told; the transfer goes on.
    try? output.flush()
  }
}

/// Off a terminal: what has happened, once for each layer.
final class PlainTransferView: TransferObserver {
  private let output: Output
  private let direction: TransferView.Direction
  private var said: [String: TransferPhase] = [:]

  init(_ output: Output, _ direction: TransferView.Direction) {
    self.output = output
    self.direction = direction
  }

  func say(_ sentence: String) {
    output.line(sentence)
    flush()
  }

  func show(_ items: [TransferItem]) {
    var isChanged = false
    for item in items {
      // Who reads this is a file or a program: how far it is changes too often to be told.
      guard item.phase == .preparing || item.phase == .retrying || item.phase.isFinal else { continue }
      guard said.updateValue(item.phase, forKey: item.id) != item.phase else { continue }
      output.line("\(item.id): \(TransferView.words(item.phase, direction))")
      isChanged = true
    }
    if isChanged { flush() }
  }

  func end() {}

  private func flush() {
    // A reader that is gone is met again, and told of, when the command ends.
    try? output.flush()
  }
}

/// Nothing is shown: `--quiet`.
final class SilentTransferView: TransferObserver {
  func say(_ sentence: String) {}
  func show(_ items: [TransferItem]) {}
  func end() {}
}
