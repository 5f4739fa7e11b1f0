internal import Basics
internal import ContainerEngine
internal import Storage

/// A command line of `run` or `create` read again, as words for a unit.
struct UnitWords {
  /// Flags as `--name=value`, without those that a unit says in its own way.
  private(set) var flags: [String] = []
  /// The image, and what follows it.
  private(set) var operands: [String] = []

  /// What a unit decides, or what is of one run only. Variables come from the record: files and the caller's own
  /// environment may have changed.
  private static let left: Set<String> = [
    "attach", "cgroups", "cidfile", "detach", "detach-keys", "env", "env-file", "name", "quiet", "replace", "restart",
    "rm",
    "sdnotify", "sig-proxy",
  ]

  /// The words that a record may keep: none with a password among them.
  static func kept(_ words: [String]) -> [String] { words.contains { $0.hasPrefix("--creds") } ? [] : words }

  init(_ record: ContainerRecord, doing: String) throws {
    guard !record.settings.creation.isEmpty else {
      throw EngineError(
        .unsupported, doing,
        "how this container was made is not kept: it is a clone or a branch, or `--creds` was given",
        hint: "leave out --new")
    }
    var captured = Captured()
    let parsed = try ArgumentParser.parse(
      record.settings.creation[...], flags: ContainerFlags.forRun.map(Self.capturing), interspersed: false,
      into: &captured)
    flags = captured.words + record.settings.environment.map { "--env=" + $0 }
    operands = parsed.operands
  }

  private struct Captured: CommandOptions {
    var words: [String] = []
  }

  /// The same flag, which only notes that it was given.
  private static func capturing(_ flag: Flag<ContainerOptions>) -> Flag<Captured> {
    let name = flag.name
    let isLeft = left.contains(name)
    let action: Flag<Captured>.Action =
      switch flag.action {
      case .toggle: .toggle { if !isLeft { $0.words.append($1 ? "--\(name)" : "--\(name)=false") } }
      case .refuse(let sentence): .refuse(sentence)
      default: .text { if !isLeft { $0.words.append("--\(name)=\($1)") } }
      }
    let copy = Flag<Captured>(name, flag.short, flag.placeholder, flag.help, action)
    copy.aliases = flag.aliases
    return copy
  }
}
