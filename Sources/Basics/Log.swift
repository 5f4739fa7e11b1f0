internal import Glibc

/// Notes for who looks after the machine, on standard error, when `DHOW_LOG=debug` asks for them. Nothing a user must
/// know goes here: that is an `EngineError` or a warning.
package enum Log {
  private static let isOn: Bool = {
    guard let value = getenv("DHOW_LOG") else { return false }
    return String(cString: value) == "debug"
  }()

  /// One line; the text is made only when it is shown.
  package static func note(_ text: @autoclosure () -> String) {
    guard isOn else { return }
    let line = Array("dhow: \(safeText(text()))\n".utf8)
    _ = write(2, line, line.count)
  }
}
