internal import Basics

/// The patterns of a `.dockerignore` or of `--exclude`, with the meaning of moby's patternmatcher: the last one that
/// matches a path or a directory above it decides, `!` takes back in.
package struct IgnorePatterns: Sendable {
  private var patterns: [IgnorePattern] = []

  /// No pattern: nothing is ignored.
  package init() {}

  /// Reads an ignore file: lines that begin with `#` are comments, blanks at the ends and a slash at the beginning
  /// mean nothing. `name` is what errors call it.
  package init(parsing bytes: [UInt8], name: String) throws(BuildDiagnostic) {
    guard bytes.count <= DockerfileLimits.ignoreFileBytes else {
      throw BuildDiagnostic("\(name) is larger than \(DockerfileLimits.ignoreFileBytes) bytes")
    }
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let text = String(decoding: bytes.starts(with: mark) ? bytes.dropFirst(3) : bytes[...], as: UTF8.self)
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      guard !line.unicodeScalars.starts(with: "#".unicodeScalars) else { continue }
      do throws(BuildDiagnostic) { try add(trimmed(String(line)), isLine: true) } catch {
        throw BuildDiagnostic("\(name) line \(index + 1): \(error.message)", hint: error.hint)
      }
    }
  }

  /// The values of `--exclude`.
  package init(_ patterns: [String]) throws(BuildDiagnostic) {
    for pattern in patterns { try add(trimmed(pattern), isLine: false) }
  }

  private mutating func add(_ line: String, isLine: Bool) throws(BuildDiagnostic) {
    guard !line.isEmpty else { return }
    guard patterns.count < DockerfileLimits.ignorePatterns else {
      throw BuildDiagnostic("more than \(DockerfileLimits.ignorePatterns) patterns")
    }
    let takesBack = line.unicodeScalars.first == "!"
    let written = takesBack ? trimmed(String(line.unicodeScalars.dropFirst())) : line
    guard !written.isEmpty else { throw BuildDiagnostic("illegal exclusion pattern: \"!\"") }
    var path = SlashPath.clean(written)
    if isLine || takesBack, path.utf8.count > 1, path.hasPrefix("/") { path = String(path.dropFirst()) }
    patterns.append(try IgnorePattern(path, takesBack: takesBack))
  }

  package var isEmpty: Bool { patterns.isEmpty }

  /// Whether some pattern begins with `!`.
  package var takesBack: Bool { patterns.contains { $0.takesBack } }

  /// Whether `path`, relative to the root of the context and with slashes, is left out.
  package func ignores(_ path: String) -> Bool {
    let path = Array(path.utf8)
    var ignored = false
    for pattern in patterns where pattern.takesBack == ignored && pattern.matchesPathOrParent(path) {
      ignored = !pattern.takesBack
    }
    return ignored
  }

  /// Whether something below an ignored directory may not be ignored: if not, the directory need not be read.
  package func mayTakeBack(below directory: String) -> Bool {
    patterns.contains { $0.takesBack && $0.mayMatch(below: directory) }
  }

  /// Whether a pattern ignores everything in the context's root, for the check CopyIgnoredFile.
  var ignoresWholeRoot: Bool { patterns.contains { !$0.takesBack && ["*", "**", "**/*"].contains($0.text) } }
}

/// Paths with slashes as text, without a file system.
enum SlashPath {
  /// The shortest equal path (Go's path.Clean): no `.`, no doubled slashes, `..` only at the beginning.
  static func clean(_ path: String) -> String {
    let isAbsolute = path.hasPrefix("/")
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." {
        parts.removeLast()
      } else if part != ".." || !isAbsolute {
        parts.append(part)
      }
    }
    let joined = parts.joined(separator: "/")
    return isAbsolute ? "/" + joined : joined.isEmpty ? "." : joined
  }
}
