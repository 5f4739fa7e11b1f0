/// One flag of one command, declared once. The parser, `--help`, the man page's OPTIONS and the completions of three
/// shells are all written from it, so they cannot drift.
///
/// A flag changes the command's typed options through its action; values are checked there, before anything is touched.
///
/// A class only for speed: the hundred flags of `run` stand in lists that are joined, and a reference is what is copied
/// then. It is not changed after its declaration.
package final class Flag<Options> {
  /// What seeing the flag does. The case decides whether a value follows and how it is read.
  package enum Action {
    /// Takes no following word; `--flag=false` is understood.
    case toggle((inout Options, Bool) throws -> Void)
    case text((inout Options, String) throws -> Void)
    case integer((inout Options, Int64) throws -> Void)
    case unsigned((inout Options, UInt64) throws -> Void)
    /// A size such as `64m`, in bytes.
    case bytes((inout Options, Int64) throws -> Void)
    /// A length of time such as `1m30s`, in nanoseconds.
    case duration((inout Options, Int64) throws -> Void)
    /// Known and not done: using the flag fails with this sentence. Takes a value if the flag has a placeholder.
    case refuse(String)
  }

  package enum Visibility: Equatable, Sendable {
    case shown
    /// Parsed, and left out of help, man page and completion.
    case hidden
    /// Parsed, hidden, and answered with this advice on stderr.
    case deprecated(String)
  }

  package let name: String
  package let short: Character?
  /// The word for the value in help, such as `list`; empty for a toggle.
  package let placeholder: String
  package let help: String
  package let action: Action
  /// The value without the flag, as help shows it.
  package var defaultText: String?
  /// Other long names that mean the same, all hidden.
  package var aliases: [String] = []
  package var repeatable = false
  package var visibility = Visibility.shown
  package var completion = Completion.none

  package init(_ name: String, _ short: Character?, _ placeholder: String, _ help: String, _ action: Action) {
    self.name = name
    self.short = short
    self.placeholder = placeholder
    self.help = help
    self.action = action
  }

  /// True when a value follows the flag's name.
  package var takesValue: Bool {
    switch action {
    case .toggle: false
    case .refuse: !placeholder.isEmpty
    default: true
    }
  }

  /// The flag as error messages name it: `-m, --memory` or `--cpus`.
  package var displayName: String { short.map { "-\($0), --\(name)" } ?? "--\(name)" }
}

extension Flag {
  package static func toggle(
    _ name: String, _ short: Character?, _ help: String, _ set: @escaping (inout Options, Bool) throws -> Void
  ) -> Flag { Flag(name, short, "", help, .toggle(set)) }

  package static func text(
    _ name: String, _ short: Character?, _ placeholder: String, _ help: String,
    _ set: @escaping (inout Options, String) throws -> Void
  ) -> Flag { Flag(name, short, placeholder, help, .text(set)) }

  /// A flag that may be given several times, each adding to a list.
  package static func list(
    _ name: String, _ short: Character?, _ placeholder: String, _ help: String,
    _ add: @escaping (inout Options, String) throws -> Void
  ) -> Flag {
    let flag = Flag(name, short, placeholder, help, .text(add))
    flag.repeatable = true
    return flag
  }

  package static func integer(
    _ name: String, _ short: Character?, _ placeholder: String, _ help: String,
    _ set: @escaping (inout Options, Int64) throws -> Void
  ) -> Flag { Flag(name, short, placeholder, help, .integer(set)) }

  package static func unsigned(
    _ name: String, _ short: Character?, _ placeholder: String, _ help: String,
    _ set: @escaping (inout Options, UInt64) throws -> Void
  ) -> Flag { Flag(name, short, placeholder, help, .unsigned(set)) }

  package static func bytes(
    _ name: String, _ short: Character?, _ help: String,
    _ set: @escaping (inout Options, Int64) throws -> Void
  ) -> Flag { Flag(name, short, "bytes", help, .bytes(set)) }

  package static func duration(
    _ name: String, _ short: Character?, _ help: String,
    _ set: @escaping (inout Options, Int64) throws -> Void
  ) -> Flag { Flag(name, short, "duration", help, .duration(set)) }

  /// A flag that is known and refused with one sentence; hidden from help because it cannot be used.
  package static func refused(
    _ name: String, _ short: Character? = nil, _ placeholder: String = "", because sentence: String
  ) -> Flag {
    let flag = Flag(name, short, placeholder, "", .refuse(sentence))
    flag.visibility = .hidden
    return flag
  }

  package func completed(by completion: Completion) -> Flag {
    self.completion = completion
    return self
  }

  package func defaulting(to text: String) -> Flag {
    defaultText = text
    return self
  }

  package func alsoNamed(_ names: String...) -> Flag {
    aliases += names
    return self
  }

  package var hidden: Flag {
    visibility = .hidden
    return self
  }

  package func deprecated(_ advice: String) -> Flag {
    visibility = .deprecated(advice)
    return self
  }

  /// The same flag acting on a part of a bigger options value: how groups of flags are shared between commands.
  package func on<Whole>(_ part: WritableKeyPath<Whole, Options>) -> Flag<Whole> {
    let action: Flag<Whole>.Action =
      switch action {
      case .toggle(let set): .toggle { try set(&$0[keyPath: part], $1) }
      case .text(let set): .text { try set(&$0[keyPath: part], $1) }
      case .integer(let set): .integer { try set(&$0[keyPath: part], $1) }
      case .unsigned(let set): .unsigned { try set(&$0[keyPath: part], $1) }
      case .bytes(let set): .bytes { try set(&$0[keyPath: part], $1) }
      case .duration(let set): .duration { try set(&$0[keyPath: part], $1) }
      case .refuse(let sentence): .refuse(sentence)
      }
    let flag = Flag<Whole>(name, short, placeholder, help, action)
    flag.defaultText = defaultText
    flag.aliases = aliases
    flag.repeatable = repeatable
    switch visibility {
    case .shown: flag.visibility = .shown
    case .hidden: flag.visibility = .hidden
    case .deprecated(let advice): flag.visibility = .deprecated(advice)
    }
    flag.completion = completion
    return flag
  }
}

/// Why a flag's value was refused; the parser puts the flag's name and the value before it, in docker's words.
package struct FlagValueError: Error, Equatable, Sendable {
  package var reason: String
  package var hint: String?

  package init(_ reason: String, hint: String? = nil) {
    self.reason = reason
    self.hint = hint
  }
}

/// What a shell offers for a flag's value or a command's operand.
package enum Completion: Equatable, Sendable {
  case none
  case files
  case directories
  case words([String])
  case capabilities
  case containers
  case runningContainers
  case images
  case volumes
  case networks

  var isOfFiles: Bool { self == .files || self == .directories }
}
