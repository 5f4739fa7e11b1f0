import Basics
import Glibc
import Testing

/// Files of expected output beside the tests; `BLESS=1` writes what was seen instead of comparing.
enum Golden {
  /// The top of the project.
  static var top: String {
    var parts = #filePath.split(separator: "/")
    parts.removeLast(3)
    return "/" + parts.joined(separator: "/")
  }

  static func read(_ path: String) throws -> String {
    guard let file = fopen("\(top)/\(path)", "r") else { throw EngineError(.notFound, "reading \(path)", "missing") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { break }
      bytes.append(contentsOf: buffer.prefix(count))
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Compares with Tests/CommandsTests/Goldens/NAME.
  static func expect(
    _ seen: String, is name: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let path = "Tests/CommandsTests/Goldens/\(name)"
    if getenv("BLESS") != nil {
      guard let file = fopen("\(top)/\(path)", "w") else { throw EngineError(.denied, "writing \(path)", "failed") }
      fputs(seen, file)
      fclose(file)
      return
    }
    let wanted = try read(path)
    guard seen != wanted else { return }
    let pair = zip(
      seen.split(separator: "\n", omittingEmptySubsequences: false),
      wanted.split(separator: "\n", omittingEmptySubsequences: false)
    ).first { $0 != $1 }
    Issue.record(
      "\(name) differs: saw \(pair?.0 ?? "fewer lines"), wanted \(pair?.1 ?? "more lines"); BLESS=1 accepts",
      sourceLocation: sourceLocation)
  }
}
