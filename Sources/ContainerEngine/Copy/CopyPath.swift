// docker's path rules for `cp`, for either end.
internal import Basics
internal import Glibc
internal import LinuxKernel

/// O_PATH: for `at`, and to look at; nothing is opened.
private let pathOnly: Int32 = 0o10000000

/// Where the paths of one end are looked up.
enum CopyEnd {
  /// By this process as it is.
  case host
  /// Below a root that links, however they are made, do not lead out of (CVE-2018-15664, CVE-2019-14271).
  case container(root: Int32)

  func open(_ path: String, _ flags: Int32) throws(SystemError) -> OwnedDescriptor {
    switch self {
    case .host: try File.open(path, flags)
    case .container(let root): try File.openInRoot(root, path, flags)
    }
  }
}

/// A path taken apart by its letters, as docker does it.
struct CopyPath {
  let text: String
  private let parts: [Substring]

  init(_ text: String) {
    self.text = text
    parts = text.split(separator: "/", omittingEmptySubsequences: true)
  }

  private var last: Substring { parts.last ?? "." }
  /// Ends with `/.`, or is the root: what is in the directory is meant, not the directory.
  var meansContents: Bool { last == "." }
  /// Names a directory by its form.
  var namesDirectory: Bool { text.hasSuffix("/") || last == "." || last == ".." }

  /// The path without the slashes at its end.
  var trimmed: String {
    var text = Substring(text)
    while text.count > 1, text.hasSuffix("/") { text = text.dropLast() }
    return String(text)
  }

  /// What is before the last part.
  var parent: String {
    let parent = trimmed.dropLast(last.count)
    return parent.isEmpty ? "." : String(parent)
  }

  var name: String { String(last) }

  /// The name of what is copied, for its place in a directory; empty for the root.
  func baseName(below workingDirectory: String) -> String {
    var kept: [Substring] = []
    let all = text.hasPrefix("/") ? parts : workingDirectory.split(separator: "/") + parts
    for part in all {
      if part == "." { continue }
      if part == ".." { _ = kept.popLast() } else { kept.append(part) }
    }
    return kept.last.map(String.init) ?? ""
  }
}

/// A name in an open directory, links at its end followed as asked.
private struct CopyPlace {
  let directory: OwnedPlace
  let name: String
  /// Nil when there is nothing.
  let status: FileStatus?
}

/// A descriptor that lives as long as its places.
final class OwnedPlace {
  let raw: Int32
  init(_ descriptor: consuming OwnedDescriptor) { raw = descriptor.take() }
  deinit { close(raw) }
}

extension CopyEnd {
  /// Links at the end of a path that are followed (MAXSYMLINKS of the kernel).
  private static let linkLimit = 40

  fileprivate func place(_ path: CopyPath, followsLink: Bool) throws(SystemError) -> CopyPlace {
    if path.namesDirectory {
      let directory = OwnedPlace(try open(path.text, pathOnly | O_DIRECTORY))
      return CopyPlace(directory: directory, name: ".", status: try File.status(directory.raw, shown: path.text))
    }
    var path = path
    for _ in 0..<Self.linkLimit {
      let directory = OwnedPlace(try open(path.parent, pathOnly | O_DIRECTORY))
      let status: FileStatus?
      do throws(SystemError) { status = try File.status(at: directory.raw, path.name, shown: path.text) } catch {
        guard error.errno == ENOENT else { throw error }
        status = nil
      }
      guard followsLink, status?.kind == .symlink else {
        return CopyPlace(directory: directory, name: path.name, status: status)
      }
      let target = try File.readLink(at: directory.raw, path.name)
      path = CopyPath(target.hasPrefix("/") ? target : "\(path.parent)/\(target)")
      if path.namesDirectory { return try place(path, followsLink: true) }
    }
    throw SystemError("open", path.text, errno: ELOOP)
  }
}

/// What is copied.
struct CopySource {
  let directory: OwnedPlace
  /// In that directory; `.` is the directory itself.
  let name: String
  /// What it is called at its destination unless that has a name of its own.
  let baseName: String
  let isDirectory: Bool
  let meansContents: Bool

  /// - Throws: `notFound` when it is not there, `unsupported` for what only the kernel shows.
  init(
    _ text: String, in end: CopyEnd, followsLink: Bool, workingDirectory: String, doing: String
  ) throws {
    let path = CopyPath(text)
    let place: CopyPlace
    do throws(SystemError) { place = try end.place(path, followsLink: followsLink) } catch {
      throw error.errno == ENOENT ? Self.missing(text, doing) : error
    }
    guard let status = place.status else { throw Self.missing(text, doing) }
    try refuseKernelFilesystem(place.directory.raw, text, doing)
    directory = place.directory
    name = place.name
    baseName = path.baseName(below: workingDirectory)
    isDirectory = status.kind == .directory
    meansContents = path.meansContents || baseName.isEmpty
    guard status.kind != .socket else {
      throw EngineError(.unsupported, doing, "\(safeText(text)) is a socket")
    }
  }

  private static func missing(_ text: String, _ doing: String) -> EngineError {
    EngineError(.notFound, doing, "\(safeText(text)): no such file or directory")
  }
}

/// Where a copy goes: a directory that is there, and the name in it.
struct CopyDestination {
  let directory: OwnedPlace
  /// Empty: what is in the source goes into the directory.
  let name: String

  /// docker's table of what the destination is, against what the source is.
  init(
    _ text: String, in end: CopyEnd, sourceIsDirectory: Bool, meansContents: Bool, baseName: String, doing: String
  ) throws {
    let path = CopyPath(text)
    let place: CopyPlace
    do throws(SystemError) {
      // A directory that is not there may be named with a slash.
      let isNew = path.text.hasSuffix("/") && path.name != "." && path.name != ".."
      place = try end.place(isNew ? CopyPath(path.trimmed) : path, followsLink: true)
    } catch {
      guard error.errno == ENOENT else { throw error }
      throw EngineError(
        .notFound, doing, "no such directory: \(safeText(path.parent))", hint: "make it first")
    }
    switch place.status?.kind {
    case nil:
      guard sourceIsDirectory || !path.namesDirectory else {
        throw EngineError(.notFound, doing, "no such directory: \(safeText(text))", hint: "make it first")
      }
      (directory, name) = (place.directory, place.name)
    case .directory?:
      directory = OwnedPlace(
        try File.open(at: place.directory.raw, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, shown: text))
      name = meansContents ? "" : baseName
    case .regular?:
      if sourceIsDirectory {
        throw EngineError(.alreadyExists, doing, "cannot copy directory: \(safeText(text)) is a file")
      }
      if path.namesDirectory { throw EngineError(.invalidInput, doing, "not a directory: \(safeText(text))") }
      (directory, name) = (place.directory, place.name)
    default:
      throw EngineError(.unsupported, doing, "\(safeText(text)) is no file and no directory")
    }
    try refuseKernelFilesystem(directory.raw, text, doing)
  }

  /// A directory that a stream is unpacked in.
  init(directory text: String, in end: CopyEnd, doing: String) throws {
    directory = OwnedPlace(try end.open(text, O_RDONLY | O_DIRECTORY))
    name = ""
    try refuseKernelFilesystem(directory.raw, text, doing)
  }
}

private func refuseKernelFilesystem(_ descriptor: Int32, _ path: String, _ doing: String) throws(EngineError) {
  guard KernelFilesystem.holds(descriptor) else { return }
  throw EngineError(
    .unsupported, doing, "\(safeText(path)) is no file but a part of the kernel", hint: "use `exec`")
}
