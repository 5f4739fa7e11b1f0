internal import Basics

/// What the parser made of a command's words, next to the options it filled.
package struct ParsedArguments: Equatable, Sendable {
  package var operands: [String] = []
  /// `--help` was seen; nothing after it was read.
  package var helpRequested = false
  /// Lines for stderr: advice of deprecated flags.
  package var notes: [String] = []
}

/// A command line that does not fit the flag table, in docker's words.
package struct ArgumentError: Error, Equatable, Sendable {
  package var message: String
  package var hint: String?
}

/// docker's (pflag's) grammar, exactly: `-itd`, `-p8080:80`, `-eX=1`, `--x=y`, `--x y`, `--bool=false`, `-it=true`,
/// `--entrypoint=`, `--memory-swap -1`, `--`. SWIFT-NOTES section 1 says why it is ours.
package struct ArgumentParser<Options> {
  private let flags: [Flag<Options>]
  /// Flags that are refused; built only when a word is none of `flags`.
  private let refused: () -> [Flag<Options>]
  /// False for `run`, `create` and `exec`: flags end at the first operand, the rest is the container's.
  private let interspersed: Bool
  private var remaining: ArraySlice<String>
  private var result = ParsedArguments()

  private init(
    _ words: ArraySlice<String>, flags: [Flag<Options>], refused: @escaping () -> [Flag<Options>], interspersed: Bool
  ) {
    self.flags = flags
    self.refused = refused
    self.interspersed = interspersed
    remaining = words
  }

  /// Reads `words` into `options`.
  /// - Throws: `ArgumentError` for what does not fit the table, and whatever a flag's action throws of its own.
  package static func parse(
    _ words: ArraySlice<String>, flags: [Flag<Options>], refused: @escaping () -> [Flag<Options>] = { [] },
    interspersed: Bool, into options: inout Options
  ) throws -> ParsedArguments {
    var parser = ArgumentParser(words, flags: flags, refused: refused, interspersed: interspersed)
    while let word = parser.remaining.popFirst() {
      guard try parser.take(word, into: &options) else { break }
    }
    return parser.result
  }

  /// Handles one word and what follows it; false when parsing is over.
  private mutating func take(_ word: String, into options: inout Options) throws -> Bool {
    let bytes = word.utf8
    guard bytes.first == UInt8(ascii: "-"), bytes.count > 1 else {
      result.operands.append(word)
      guard !interspersed else { return true }
      return endOfFlags()
    }
    if bytes.dropFirst().first == UInt8(ascii: "-") {
      return bytes.count == 2 ? endOfFlags() : try takeLong(word, into: &options)
    }
    return try takeShort(word, into: &options)
  }

  private mutating func endOfFlags() -> Bool {
    result.operands.append(contentsOf: remaining)
    return false
  }

  private mutating func takeLong(_ word: String, into options: inout Options) throws -> Bool {
    let body = word.dropFirst(2)
    guard let first = body.utf8.first, first != UInt8(ascii: "-"), first != UInt8(ascii: "=") else {
      throw ArgumentError(message: "bad flag syntax: \(safeText(word))")
    }
    let equals = body.utf8.firstIndex(of: UInt8(ascii: "="))
    let name = String(body[..<(equals ?? body.endIndex)])
    guard let flag = find({ $0.name == name || (!$0.aliases.isEmpty && $0.aliases.contains(name)) }) else {
      if name == "help" {
        result.helpRequested = true
        return false
      }
      throw unknown(name)
    }
    if let equals {
      try apply(flag, String(body[body.index(after: equals)...]), into: &options)
    } else if !flag.takesValue {
      try apply(flag, "true", into: &options)
    } else if let value = remaining.popFirst() {
      try apply(flag, value, into: &options)
    } else {
      throw ArgumentError(message: "flag needs an argument: \(safeText(word))")
    }
    return true
  }

  private mutating func takeShort(_ word: String, into options: inout Options) throws -> Bool {
    var letters = word.dropFirst()
    while let letter = letters.popFirst() {
      guard let flag = find({ $0.short == letter }) else {
        if letter == "h" {
          result.helpRequested = true
          return false
        }
        let cluster = safeText(String(letter) + String(letters))
        throw ArgumentError(message: "unknown shorthand flag: '\(safeText(String(letter)))' in -\(cluster)")
      }
      // pflag's rule: `-x=` alone is the value "=", `-x=y` is the value "y".
      if letters.utf8.count > 1, letters.utf8.first == UInt8(ascii: "=") {
        try apply(flag, String(letters.dropFirst()), into: &options)
        return true
      }
      if !flag.takesValue {
        try apply(flag, "true", into: &options)
        continue
      }
      if !letters.isEmpty {
        try apply(flag, String(letters), into: &options)
        return true
      }
      guard let value = remaining.popFirst() else {
        throw ArgumentError(message: "flag needs an argument: '\(letter)' in -\(letter)")
      }
      try apply(flag, value, into: &options)
    }
    return true
  }

  private func find(_ isWanted: (Flag<Options>) -> Bool) -> Flag<Options>? {
    flags.first(where: isWanted) ?? refused().first(where: isWanted)
  }

  private mutating func apply(_ flag: Flag<Options>, _ value: String, into options: inout Options) throws {
    if case .deprecated(let advice) = flag.visibility {
      result.notes.append("Flag --\(flag.name) has been deprecated, \(advice)")
    }
    do {
      try flag.set(&options, to: value)
    } catch let error as FlagValueError {
      throw ArgumentError(
        message: "invalid argument \(goQuoted(value)) for \"\(flag.displayName)\" flag: \(safeText(error.reason))",
        hint: error.hint)
    }
  }

  private func unknown(_ name: String) -> ArgumentError {
    let known = flags.filter { $0.visibility == .shown }.map(\.name) + ["help"]
    return ArgumentError(
      message: "unknown flag: --\(safeText(name))",
      hint: nearest(to: name, among: known).map { "did you mean --\($0)?" })
  }
}

extension Flag {
  /// Reads `value` as the action wants it and performs the action.
  /// - Throws: `FlagValueError` in Go's words for a value of the wrong form; `EngineError` for a refused flag.
  fileprivate func set(_ options: inout Options, to value: String) throws {
    switch action {
    case .toggle(let set): try set(&options, try parseBool(value))
    case .text(let set): try set(&options, value)
    case .integer(let set): try set(&options, try parseInteger(value))
    case .unsigned(let set): try set(&options, try parseUnsigned(value))
    case .bytes(let set): try set(&options, try parseBytes(value))
    case .duration(let set): try set(&options, try parseDuration(value))
    case .refuse(let sentence):
      if !takesValue, !(try parseBool(value)) { return }
      throw EngineError(.unsupported, "--\(name)", sentence)
    }
  }
}
