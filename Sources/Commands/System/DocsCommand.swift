internal import Basics
internal import Glibc
internal import LinuxKernel

/// `dhow __docs DIRECTORY`: writes man pages and completions into a checkout. Hidden; `make docs` calls it.
enum DocsCommand: Command {
  static let words = CommandWords("DIRECTORY", "Write the manual pages and completions of a checkout", .exactly(1))

  /// Pages of prose are small.
  private static let proseLimit = 1 << 20

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let top = operands[0]
    do {
      let pages = try Documents.manPages { path in
        String(decoding: try File.readAll("\(top)/\(path)", limit: proseLimit), as: UTF8.self)
      }
      for document in pages + Documents.completions {
        let file = try File.open("\(top)/\(document.path)", O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        try File.writeAll(file.raw, Array(document.text.utf8), shown: document.path)
      }
    } catch let error as SystemError {
      throw error.engineError("writing the documents of \(top)")
    }
    return .success
  }
}
