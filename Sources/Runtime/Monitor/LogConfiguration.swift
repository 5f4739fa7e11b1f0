package import Basics

/// Where a container's output is kept: `--log-driver` and `--log-opt`, checked.
package struct LogConfiguration: Equatable, Sendable {
  package enum Driver: String, Sendable, CaseIterable {
    case jsonFile = "json-file"
    case local
    case none
  }

  package var driver: Driver
  /// Bytes after which a new file is begun; -1: never.
  package var maxSize: Int64
  /// Files kept, the current one included.
  package var maxFiles: Int
  /// Constant members written with each line and shown by `logs --details`.
  package var attributes: [(String, String)] = []

  /// The current file and, with `.1`, `.2`, … the older ones, in the container's directory.
  package static let fileName = "container.log"
  /// More files than this are refused: every start looks at each of them.
  static let maxFilesLimit = 100

  /// Reads driver and options as docker does.
  ///
  /// Without options logs are bounded, unlike docker's: an unwatched container must not fill the disk (SECURITY E10).
  /// The bound of json-file is wide, because a short line takes ten times its size there, and 10 MB of output must read
  /// back whole; `max-size=-1` lifts it. `local` has docker's default of five files of 20 MB.
  /// - Throws: `EngineError` naming the driver or option that is not known.
  package init(driver name: String, options: [(String, String)] = []) throws(EngineError) {
    guard let driver = Driver(rawValue: name) else {
      throw EngineError(
        .usage, "choosing the log driver", "there is no log driver \"\(safeText(name))\" here",
        hint: "use --log-driver json-file, local or none")
    }
    self.driver = driver
    (maxSize, maxFiles) = driver == .local ? (20_000_000, 5) : (256_000_000, 2)
    for (option, value) in options { try read(option, value) }
  }

  package static func == (a: LogConfiguration, b: LogConfiguration) -> Bool {
    a.driver == b.driver && a.maxSize == b.maxSize && a.maxFiles == b.maxFiles
      && a.attributes.elementsEqual(b.attributes, by: ==)
  }

  private mutating func read(_ option: String, _ value: String) throws(EngineError) {
    let doing = "reading --log-opt \(safeText(option))=\(safeText(value))"
    if driver == .none { throw EngineError(.usage, doing, "the log driver none has no options") }
    switch option {
    case "max-size":
      guard let size = Self.size(value) else {
        throw EngineError(.usage, doing, "this is no size", hint: "write it as 10m, 500k or -1 for no limit")
      }
      maxSize = size
    case "max-file":
      guard let count = Int(value), (1...Self.maxFilesLimit).contains(count) else {
        throw EngineError(.usage, doing, "the number of files is from 1 to \(Self.maxFilesLimit)")
      }
      maxFiles = count
    case "mode" where value == "blocking", "compress" where value == "false": break
    case "mode", "compress", "max-buffer-size", "tag", "labels", "labels-regex", "env", "env-regex":
      throw EngineError(.unsupported, doing, "this option is not available yet")
    default:
      throw EngineError(
        .usage, doing, "unknown log opt '\(safeText(option))' for \(driver.rawValue) log driver",
        hint: "the options are max-size and max-file")
    }
  }

  /// Decimal sizes as docker's log options have them: `10m` is 10 000 000; -1 is unlimited.
  private static func size(_ text: String) -> Int64? {
    if text == "-1" { return -1 }
    var digits = text.lowercased()[...]
    if digits.hasSuffix("b") { digits.removeLast() }
    var factor: Int64 = 1
    for (suffix, value) in [("k", 1_000), ("m", 1_000_000), ("g", 1_000_000_000), ("t", 1_000_000_000_000)]
      as [(String, Int64)]
    where digits.hasSuffix(suffix) {
      factor = value
      digits.removeLast()
      break
    }
    guard let number = Int64(digits), number > 0 else { return nil }
    let (size, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : size
  }
}
