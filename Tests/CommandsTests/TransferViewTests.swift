import ContainerEngine
import Testing

@testable import Commands

/// What a terminal would show of the bytes: as much of one as the view needs.
private struct Screen {
  private(set) var lines: [String] = [""]
  private var row = 0
  private var column = 0
  /// The highest row that was written to after the last `mark`.
  private(set) var touched = Int.max
  private(set) var isSafe = true

  mutating func mark() { touched = Int.max }

  mutating func write(_ text: String) {
    var rest = Array(text.unicodeScalars)[...]
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\r": column = 0
      case "\n":
        row += 1
        column = 0
        if row == lines.count { lines.append("") }
      case "\u{1B}":
        guard rest.popFirst() == "[" else {
          isSafe = false
          continue
        }
        var number = ""
        while let digit = rest.first, ("0"..."9").contains(digit) {
          number.unicodeScalars.append(digit)
          rest.removeFirst()
        }
        switch rest.popFirst() {
        case "A": row = max(0, row - (Int(number) ?? 1))
        case "K": lines[row] = String(lines[row].prefix(column))
        case "J":
          lines[row] = String(lines[row].prefix(column))
          lines.removeLast(lines.count - row - 1)
        default: isSafe = false
        }
      default:
        touched = min(touched, row)
        var line = Array(lines[row])
        while line.count <= column { line.append(" ") }
        line[column] = Character(scalar)
        lines[row] = String(line)
        column += 1
      }
    }
  }

  /// The lines without the empty one that the cursor rests on.
  var text: [String] { lines.last == "" ? Array(lines.dropLast()) : lines }
}

@Suite struct TransferViewTests {
  private func item(_ id: String, _ phase: TransferPhase, _ current: Int64 = 0, _ total: Int64 = 1000) -> TransferItem {
    TransferItem(id: id, phase: phase, current: current, total: total)
  }

  /// A view, and its terminal after each of the frames.
  private final class Fixture {
    let output = Output.collecting()
    let view: LiveTransferView
    var size = (columns: 80, rows: 24)
    private var seen = 0
    var screen = Screen()

    init() {
      var current: () -> (columns: Int, rows: Int) = { (80, 24) }
      view = LiveTransferView(output, .pull) { current() }
      current = { [unowned self] in size }
    }

    func shown() -> [String] {
      let all = output.collected
      screen.write(String(all.unicodeScalars.dropFirst(seen).map(Character.init)))
      seen = all.unicodeScalars.count
      return screen.text
    }
  }

  @Test func `each layer has its line, written over as it goes on`() {
    let fixture = Fixture()
    fixture.view.say("latest: Pulling from library/app")
    fixture.view.show([item("aaaaaaaaaaaa", .preparing), item("bbbbbbbbbbbb", .alreadyThere)])
    #expect(
      fixture.shown() == [
        "latest: Pulling from library/app", "aaaaaaaaaaaa: Pulling fs layer", "bbbbbbbbbbbb: Already exists",
      ])
    fixture.view.show([item("aaaaaaaaaaaa", .downloading, 500), item("bbbbbbbbbbbb", .alreadyThere)])
    let lines = fixture.shown()
    #expect(lines.count == 3)
    #expect(lines[1].hasPrefix("aaaaaaaaaaaa: Downloading [=="))
    #expect(lines[1].hasSuffix("] " + "    500B/1kB"))
    #expect(lines[1].count <= 79)
    fixture.view.show([item("aaaaaaaaaaaa", .pulled), item("bbbbbbbbbbbb", .alreadyThere)])
    fixture.view.end()
    fixture.view.say("Digest: sha256:x")
    #expect(
      fixture.shown() == [
        "latest: Pulling from library/app", "aaaaaaaaaaaa: Pull complete", "bbbbbbbbbbbb: Already exists",
        "Digest: sha256:x",
      ])
    #expect(fixture.screen.isSafe)
  }

  @Test func `nothing is written when nothing has changed`() {
    let fixture = Fixture()
    let items = [item("aaaaaaaaaaaa", .waiting)]
    fixture.view.show(items)
    let before = fixture.output.collected
    fixture.view.show(items)
    #expect(fixture.output.collected == before)
  }

  @Test func `a narrower terminal gets new lines and loses none of its old ones`() {
    let fixture = Fixture()
    fixture.view.say("before")
    fixture.view.show([item("aaaaaaaaaaaa", .downloading, 10)])
    _ = fixture.shown()
    fixture.size = (40, 24)
    fixture.screen.mark()
    fixture.view.show([item("aaaaaaaaaaaa", .downloading, 900)])
    let lines = fixture.shown()
    #expect(lines.count == 3 && lines[0] == "before")
    #expect(fixture.screen.touched == 2, "the lines that may have been broken are left alone")
    #expect(lines[2].count <= 39)
    fixture.size = (120, 24)
    fixture.view.show([item("aaaaaaaaaaaa", .downloading, 950)])
    #expect(fixture.shown().count == 3, "a wider one is written over in place")
  }

  @Test func `more layers than rows are summed up, and all are there at the end`() {
    let fixture = Fixture()
    fixture.size = (80, 6)
    var items = (0..<20).map { item("layer-\($0)", $0 < 3 ? .downloading : .waiting, 1) }
    fixture.view.show(items)
    #expect(fixture.shown().count == 4)
    #expect(fixture.shown().last == "0 of 20 layers done")
    items = (0..<20).map { item("layer-\($0)", .pulled) }
    fixture.view.show(items)
    #expect(fixture.shown() == ["20 of 20 layers done"])
    fixture.view.end()
    #expect(fixture.shown() == (0..<20).map { "layer-\($0): Pull complete" })
  }

  @Test(arguments: [20, 30, 50, 80, 200], TransferPhase.allCases)
  func `no line is wider than the terminal`(columns: Int, phase: TransferPhase) {
    for (current, total) in [(0, 0), (5, 0), (0, 1000), (999_999_999, 1_000_000_000), (2000, 1000), (-1, 10)] {
      let item = item("0123456789ab", phase, Int64(current), Int64(total))
      for direction in [TransferView.Direction.pull, .push] {
        #expect(TransferView.line(item, direction, columns: columns).count <= columns)
      }
    }
  }

  @Test func `off a terminal each thing that has happened is told once`() {
    let output = Output.collecting()
    let view = PlainTransferView(output, .pull)
    view.show([item("a", .preparing), item("b", .alreadyThere)])
    for current in 0..<5 { view.show([item("a", .downloading, Int64(current)), item("b", .alreadyThere)]) }
    view.show([item("a", .extracting), item("b", .alreadyThere)])
    view.show([item("a", .pulled), item("b", .alreadyThere)])
    view.end()
    #expect(output.collected == "a: Pulling fs layer\nb: Already exists\na: Pull complete\n")
  }
}
