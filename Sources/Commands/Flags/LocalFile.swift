internal import Basics
internal import Glibc
internal import LinuxKernel

/// Files of the caller that flags name.
enum LocalFile {
  /// The whole of a file.
  /// - Throws: `EngineError` that names the file and the cause.
  static func read(_ path: String, limit: Int, doing: String) throws(EngineError) -> [UInt8] {
    do throws(SystemError) {
      return try File.readAll(path, limit: limit)
    } catch {
      throw error.engineError(doing)
    }
  }

  /// Makes or replaces a file.
  static func write(_ text: String, to path: String, doing: String) throws(EngineError) {
    do throws(SystemError) {
      let file = try File.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
      try File.writeAll(file.raw, Array(text.utf8), shown: path)
    } catch { throw error.engineError(doing) }
  }

  /// `path` made absolute without looking at the files: relative ones from the working directory, `~` from HOME, and
  /// `.`, `..` and double slashes taken out.
  static func absolute(_ path: String) throws(FlagValueError) -> String {
    var whole = path
    if path == "~" || path.hasPrefix("~/") {
      guard let home = getenv("HOME") else { throw FlagValueError("'~' is not known: HOME is not set") }
      whole = String(cString: home) + path.dropFirst()
    }
    if !whole.hasPrefix("/") {
      guard let directory = getcwd(nil, 0) else {
        throw FlagValueError("'\(path)' is relative, and the working directory does not exist any more")
      }
      defer { free(directory) }
      whole = String(cString: directory) + "/" + whole
    }
    return cleaned(whole)
  }

  /// An absolute path without `.`, `..`, double slashes and a slash at its end.
  ///
  /// Not by `joined` or `+`: with Substrings these are generic code that searches all protocol conformances, which
  /// costs 0.1 ms at the first use.
  static func cleaned(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    var result = parts.isEmpty ? "/" : ""
    for part in parts {
      result.append("/")
      result.append(contentsOf: part)
    }
    return result
  }
}
