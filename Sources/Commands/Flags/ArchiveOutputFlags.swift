internal import Basics
internal import Glibc
internal import LinuxKernel

/// `--output` of commands that write an archive.
struct ArchiveOutputOptions: CommandOptions {
  var path: String?

  static var flag: Flag<ArchiveOutputOptions> {
    .text("output", "o", "string", "Write to a file, instead of STDOUT") { $0.path = $1.isEmpty ? nil : $1 }
      .completed(by: .files)
  }

  /// Lets `produce` write the archive. A file appears under its name only when it is whole.
  func write(_ doing: String, _ produce: (Int32) throws -> Void) throws {
    guard let path else {
      guard isatty(STDOUT_FILENO) != 1 else {
        throw EngineError(.usage, doing, "cowardly refusing to save to a terminal", hint: "use -o FILE or redirect")
      }
      try produce(STDOUT_FILENO)
      return
    }
    do {
      try write(toFile: path, produce)
    } catch let error as SystemError {
      throw error.engineError("\(doing) to \(path)")
    }
  }

  private func write(toFile path: String, _ produce: (Int32) throws -> Void) throws {
    // A pipe, a device or a link is written to where it is.
    let isSpecial: Bool
    do {
      isSpecial = try File.status(path, followLink: false).kind != .regular
    } catch {
      guard error.errno == ENOENT else { throw error }
      isSpecial = false
    }
    guard !isSpecial else {
      let file = try File.open(path, O_WRONLY | O_TRUNC)
      try produce(file.raw)
      return
    }
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let directory = path.hasSuffix(name) ? String(path.dropLast(name.count)) : ""
    let temporary = "\(directory).\(name).\(Identifier.short(newID()))"
    do {
      let file = try File.open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o666)
      try produce(file.raw)
      try File.rename(temporary, path)
    } catch {
      // What went wrong is told; a leftover that cannot be removed would only hide it.
      _ = try? File.remove(temporary)
      throw error
    }
  }
}
