internal import Basics
internal import Dockerfile
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import Storage

/// A tree that COPY, ADD and mounts take files from: the build context, another stage, an image. Whatever the paths say,
/// they are looked up inside of it, by descriptor.
final class SourceRoot {
  let directory: OwnedDescriptor
  /// What errors call it: `the build context`, `stage builder`.
  let name: String
  /// Nothing of the tree belongs to anybody: files become root's.
  let isContext: Bool
  let ignored: IgnorePatterns?
  let hashes: FileHashCache?
  /// The path of `directory` as /proc shows it.
  private let place: String

  init(
    _ directory: consuming OwnedDescriptor, name: String, isContext: Bool, ignored: IgnorePatterns? = nil,
    hashes: FileHashCache? = nil
  ) throws(SystemError) {
    place = try File.readLink("/proc/self/fd/\(directory.raw)")
    self.directory = directory
    self.name = name
    self.isContext = isContext
    self.ignored = ignored
    self.hashes = hashes
  }

  struct Found {
    /// The path asked for, relative to the root.
    var path: String
    /// Where it really is, links followed.
    var real: [UInt8]
    var isDirectory: Bool
  }

  /// A relative path without `.`, `..` and doubled slashes.
  /// - Throws: `invalidInput` when it leads out of the root.
  func clean(_ path: String, doing: String) throws(EngineError) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      guard part == ".." else {
        parts.append(part)
        continue
      }
      guard parts.popLast() != nil else {
        throw EngineError(
          .invalidInput, doing, "\(safeText(path)) is outside of \(name)",
          hint: "a path begins at the root of \(name)")
      }
    }
    return parts.joined(separator: "/")
  }

  /// What a path or pattern of COPY stands for, sorted; never empty.
  func find(_ pattern: String, doing: String) throws(EngineError) -> [Found] {
    let path = try clean(pattern, doing: doing)
    guard path.contains(where: { "*?[\\".contains($0) }) else {
      if let found = try look(path, doing: doing) { return [found] }
      throw try missing(path, doing: doing)
    }
    var candidates = [""]
    for part in path.split(separator: "/").map(String.init) {
      var next: [String] = []
      for candidate in candidates {
        let prefix = candidate.isEmpty ? "" : candidate + "/"
        guard part.contains(where: { "*?[\\".contains($0) }) else {
          next.append(prefix + part)
          continue
        }
        guard let directory = try open(candidate, O_RDONLY | O_DIRECTORY, doing: doing) else { continue }
        let names = try during(doing) { try File.list(directory.raw).map(\.name).sorted() }
        next += names.filter { GoMatch.matches($0, part) }.map { prefix + $0 }
      }
      candidates = next
    }
    var found: [Found] = []
    for candidate in candidates {
      if let one = try look(candidate, doing: doing) { found.append(one) }
    }
    guard !found.isEmpty else { throw try missing(path, doing: doing) }
    return found
  }

  private func missing(_ path: String, doing: String) throws(EngineError) -> EngineError {
    if ignored?.ignores(path) == true, try open(path, 0o10000000, doing: doing) != nil {
      return EngineError(
        .notFound, doing, "\(safeText(path)) is left out of \(name) by its ignore file",
        hint: "!\(safeText(path)) at its end takes it in again")
    }
    return EngineError(.notFound, doing, "\"/\(safeText(path))\": not found in \(name)")
  }

  /// Opens a path as if the tree were the root; nil when there is nothing.
  func open(_ path: String, _ flags: Int32, doing: String) throws(EngineError) -> OwnedPlace? {
    do throws(SystemError) {
      return OwnedPlace(try File.openInRoot(directory.raw, path.isEmpty ? "." : path, flags | O_CLOEXEC, shown: path))
    } catch {
      if error.errno == ENOENT || error.errno == ENOTDIR { return nil }
      throw error.engineError(doing)
    }
  }

  func look(_ path: String, doing: String) throws(EngineError) -> Found? {
    if let ignored, !path.isEmpty, ignored.ignores(path), !ignored.mayTakeBack(below: path) { return nil }
    guard let opened = try open(path, 0o10000000, doing: doing) else { return nil }  // O_PATH
    return try during(doing) {
      let real = try File.readLink("/proc/self/fd/\(opened.raw)")
      guard real == place || real.hasPrefix(place == "/" ? "/" : place + "/") else {
        throw EngineError(.invalidInput, doing, "\(safeText(path)) is outside of \(name)")
      }
      let rest = real.dropFirst(place == "/" ? 1 : place.utf8.count + 1)
      return Found(
        path: path, real: Array(rest.utf8), isDirectory: try File.status(opened.raw).kind == .directory)
    }
  }

  /// What to take of a source at `real`: neither what the ignore file names nor what `excludes` does.
  func choice(of real: [UInt8], excludes: IgnorePatterns?) -> (
    (_ path: [UInt8], _ isDirectory: Bool) throws -> ArchiveRules.Choice
  )? {
    let ignored = self.ignored.flatMap { $0.isEmpty ? nil : $0 }
    if ignored == nil && excludes == nil { return nil }
    let prefix = real.isEmpty ? 0 : real.count + 1
    return { path, isDirectory in
      let text = String(decoding: path, as: UTF8.self)
      if let ignored, ignored.ignores(text) {
        return isDirectory && ignored.mayTakeBack(below: text) ? .look : .skip
      }
      let below = String(decoding: path.dropFirst(prefix), as: UTF8.self)
      if let excludes, excludes.ignores(below) {
        return isDirectory && excludes.mayTakeBack(below: below) ? .look : .skip
      }
      return .take
    }
  }
}

/// An open file that several hold.
final class OwnedPlace {
  private let descriptor: OwnedDescriptor
  var raw: Int32 { descriptor.raw }
  init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
}

/// Go's filepath.Match of one name: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before any of them.
enum GoMatch {
  static func matches(_ name: String, _ pattern: String) -> Bool {
    matches(Array(name.unicodeScalars)[...], Array(pattern.unicodeScalars)[...])
  }

  private static func matches(_ name: ArraySlice<Unicode.Scalar>, _ pattern: ArraySlice<Unicode.Scalar>) -> Bool {
    var name = name
    var pattern = pattern
    /// Where to go on after the last star.
    var back: (name: ArraySlice<Unicode.Scalar>, pattern: ArraySlice<Unicode.Scalar>)?
    while true {
      if let first = pattern.first, first == "*" {
        pattern = pattern.dropFirst()
        back = (name, pattern)
        continue
      }
      if let rest = step(name, pattern) {
        (name, pattern) = rest
        if name.isEmpty && pattern.isEmpty { return true }
        continue
      }
      if name.isEmpty && pattern.isEmpty { return true }
      guard let last = back, !last.name.isEmpty else { return false }
      back = (last.name.dropFirst(), last.pattern)
      (name, pattern) = (last.name.dropFirst(), last.pattern)
    }
  }

  /// One character against one part of the pattern that is no star.
  private static func step(
    _ name: ArraySlice<Unicode.Scalar>, _ pattern: ArraySlice<Unicode.Scalar>
  ) -> (ArraySlice<Unicode.Scalar>, ArraySlice<Unicode.Scalar>)? {
    guard let scalar = name.first, let first = pattern.first else { return nil }
    switch first {
    case "?": return (name.dropFirst(), pattern.dropFirst())
    case "\\":
      guard let literal = pattern.dropFirst().first, literal == scalar else { return nil }
      return (name.dropFirst(), pattern.dropFirst(2))
    case "[":
      var rest = pattern.dropFirst()
      let negated = rest.first == "^"
      if negated { rest = rest.dropFirst() }
      var isIn = false
      while let low = rest.first, low != "]" {
        var low = low
        rest = rest.dropFirst()
        if low == "\\", let escaped = rest.first { (low, rest) = (escaped, rest.dropFirst()) }
        var high = low
        if rest.first == "-", let end = rest.dropFirst().first, end != "]" { (high, rest) = (end, rest.dropFirst(2)) }
        if low <= scalar && scalar <= high { isIn = true }
      }
      guard rest.first == "]", isIn != negated else { return nil }
      return (name.dropFirst(), rest.dropFirst())
    default: return first == scalar ? (name.dropFirst(), pattern.dropFirst()) : nil
    }
  }
}
