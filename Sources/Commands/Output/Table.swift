/// Columns as Go's text/tabwriter aligns them with docker's settings: at least 10 wide, 3 spaces between.
///
/// A column is a run of neighbouring lines that have a cell ended by a tab in that place; text after a line's last tab
/// belongs to no column. Widths are counted in characters.
package enum Table {
  private static let minimumWidth = 10
  private static let padding = 3

  /// Aligns lines whose cells are ended by tabs.
  package static func aligned(_ text: String) -> String {
    var cells: [[String]] = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
      $0.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false).map { String(Substring($0)) }
    }
    if cells.last == [""] { cells.removeLast() }
    return aligned(cells)
  }

  private static func aligned(_ cells: [[String]]) -> String {
    var widths: [Int] = []
    var output: [UInt8] = []
    format(cells, 0, cells.count, &widths, &output)
    return String(decoding: output, as: UTF8.self)
  }

  private static func width(_ cell: String) -> Int {
    var cell = cell
    // Bytes that do not go on with a character that began before.
    return cell.withUTF8 { bytes in bytes.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) } }
  }

  /// A header and rows; every cell is made safe to show (SECURITY B13).
  package static func text(header: [String], rows: [[String]]) -> String {
    aligned([header] + rows)
  }

  /// Writes lines `from..<to`; the columns left of `widths.count` have their widths already.
  private static func format(
    _ cells: [[String]], _ from: Int, _ to: Int, _ widths: inout [Int], _ output: inout [UInt8]
  ) {
    let column = widths.count
    var written = from
    var line = from
    while line < to {
      guard column < cells[line].count - 1 else {
        line += 1
        continue
      }
      write(cells, written, line, widths, &output)
      written = line
      var width = minimumWidth
      var end = line
      while end < to, column < cells[end].count - 1 {
        width = max(width, self.width(cells[end][column]) + padding)
        end += 1
      }
      widths.append(width)
      format(cells, line, end, &widths, &output)
      widths.removeLast()
      written = end
      line = end
    }
    write(cells, written, to, widths, &output)
  }

  private static func write(_ cells: [[String]], _ from: Int, _ to: Int, _ widths: [Int], _ output: inout [UInt8]) {
    guard from < to else { return }
    for line in from..<to {
      for (index, cell) in cells[line].enumerated() {
        output.append(contentsOf: cell.utf8)
        if index < widths.count, index < cells[line].count - 1 {
          output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: max(0, widths[index] - width(cell))))
        }
      }
      output.append(UInt8(ascii: "\n"))
    }
  }
}
