import Basics
import CLinux
import Glibc
import LinuxKernel
import OCI
import TestSupport
import Testing

@testable import LayerArchive

/// A canary tree, and what an archive made of its target.
struct ExtractionFixture {
  let canaries: CanaryTree
  static let isRoot = geteuid() == 0

  init() throws { canaries = try CanaryTree() }

  /// Unpacks an archive into the target; the error instead when it is refused.
  func unpack(
    _ archive: [UInt8], limits: ArchiveLimits = ArchiveLimits(), mode: OverlayMode = .rootless, whiteouts: Bool = true,
    step: Int = .max
  ) throws -> Result<UnpackedLayer, EngineError> {
    let root = try File.openDirectory(canaries.target)
    let options = LayerExtractor.Options(
      mode: mode, ownership: Self.isRoot ? .asArchived : .squashed, limits: limits, readsWhiteouts: whiteouts)
    do {
      let source = MemorySource(archive, step: step)
      return .success(try LayerUnpacking.unpack(source, into: root.raw, options: options, doing: "unpacking a test"))
    } catch let error as EngineError {
      return .failure(error)
    }
  }

  /// The target's content, a line each: kind, mode in octal, path, content or target; `w` is a whiteout, `+` opaque.
  func listing() throws -> [String] { try Self.listing(canaries.target) }

  static func listing(_ root: String) throws -> [String] {
    var lines: [String] = []
    func visit(_ relative: String) throws {
      for name in names(in: root + "/" + relative) {
        let path = relative.isEmpty ? name : relative + "/" + name
        let whole = root + "/" + path
        var status = stat()
        guard lstat(whole, &status) == 0 else { throw FixtureError(whole) }
        let mode = String(status.st_mode & 0o7777, radix: 8)
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
          var value: UInt8 = 0
          let isOpaque = dhow_lgetxattr(whole, "user.overlay.opaque", &value, 1) == 1 && value == UInt8(ascii: "y")
          lines.append("d\(isOpaque ? "+" : "") \(mode) \(path)")
          try visit(path)
        case S_IFLNK: lines.append("l \(path) -> \(try File.readLink(whole))")
        case S_IFCHR where status.st_rdev == 0: lines.append("w \(path)")
        case S_IFIFO: lines.append("p \(mode) \(path)")
        case S_IFREG: lines.append("f \(mode) \(path) \(safeText(try readText(whole)))")
        default: lines.append("? \(path)")
        }
      }
    }
    try visit("")
    return lines
  }
}

/// An archive by a closure.
func tar(_ build: (inout TarBuilder) -> Void) -> [UInt8] {
  var builder = TarBuilder()
  build(&builder)
  return builder.ended
}

/// What an archive shall come to: this listing, or a refusal whose reason holds this text.
enum Expected: Sendable {
  case tree([String])
  case refused(String)
}

struct ArchiveCase: Sendable, CustomTestStringConvertible {
  var name: String
  var archive: [UInt8]
  var outcome: Expected

  init(_ name: String, _ outcome: Expected, _ build: (inout TarBuilder) -> Void) {
    self.name = name
    self.outcome = outcome
    archive = tar(build)
  }

  var testDescription: String { name }
}
