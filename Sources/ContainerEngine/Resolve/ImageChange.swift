internal import Basics
internal import OCI

/// One Dockerfile instruction of `--change`, of those that only alter what an image says about its containers.
struct ImageChange {
  let instruction: String
  let text: String
  let doing: String

  static let known = [
    "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
  ]

  init(parsing line: String, doing: String) throws(EngineError) {
    let trimmed = line.drop { $0 == " " || $0 == "\t" }
    let word = trimmed.prefix { $0 != " " && $0 != "\t" }
    instruction = word.uppercased()
    var rest = trimmed.dropFirst(word.count).drop { $0 == " " || $0 == "\t" }
    while let last = rest.last, last == " " || last == "\t" || last == "\n" { rest.removeLast() }
    text = String(rest)
    self.doing = doing
    guard Self.known.contains(instruction) else {
      throw EngineError(
        .invalidInput, doing,
        "--change \"\(safeText(line))\": \(safeText(String(word))) is no instruction that it takes",
        hint: "it takes \(Self.known.joined(separator: ", "))")
    }
    guard !text.isEmpty else { throw invalid("needs an argument") }
  }

  private func invalid(_ reason: String) -> EngineError {
    EngineError(.invalidInput, doing, "--change \"\(safeText("\(instruction) \(text)"))\": \(instruction) \(reason)")
  }

  func apply(to defaults: inout ContainerDefaults) throws(EngineError) {
    switch instruction {
    case "CMD": defaults.command = command(shell: defaults.shell)
    case "ENTRYPOINT":
      defaults.entrypoint = command(shell: defaults.shell)
      // A command was meant for the entry point that is replaced.
      defaults.command = nil
    case "ENV": for pair in try pairs() { setEnvironment(pair, &defaults) }
    case "LABEL":
      for (name, value) in try pairs() {
        defaults.labels.removeAll { $0.0 == name }
        defaults.labels.append((name, value))
      }
    case "EXPOSE":
      for word in try words() {
        guard let port = ExposedPort(word) else { throw invalid("\"\(safeText(word))\" is no port/protocol") }
        if !defaults.exposedPorts.contains(port) { defaults.exposedPorts.append(port) }
      }
    case "VOLUME":
      let paths = if let list = list() { list } else { try words() }
      for path in paths where !defaults.volumes.contains(path) { defaults.volumes.append(path) }
    case "USER": defaults.user = text
    case "WORKDIR":
      defaults.workingDirectory = text.hasPrefix("/") ? text : defaults.workingDirectory + "/" + text
    case "STOPSIGNAL": defaults.stopSignal = text
    case "ONBUILD": defaults.onBuild.append(text)
    default: defaults.healthcheck = try healthcheck()
    }
  }

  /// The JSON form, or a line for the shell.
  private func command(shell: [String]?) -> [String] {
    if let list = list() { return list }
    return (shell ?? ["/bin/sh", "-c"]) + [text]
  }

  private func list() -> [String]? {
    guard text.hasPrefix("[") else { return nil }
    // What is no JSON list of strings is a line for the shell, as in a Dockerfile.
    guard let list = try? JSON(parsing: text).arrayValue else { return nil }
    let strings = list.compactMap(\.stringValue)
    return strings.count == list.count ? strings : nil
  }

  private func setEnvironment(_ pair: (String, String), _ defaults: inout ContainerDefaults) {
    let entry = "\(pair.0)=\(pair.1)"
    if let index = defaults.environment.firstIndex(where: { $0.hasPrefix(pair.0 + "=") }) {
      defaults.environment[index] = entry
    } else {
      defaults.environment.append(entry)
    }
  }

  /// `NAME=value NAME="a value"`, or the old form `NAME value` with the rest of the line as the value.
  private func pairs() throws(EngineError) -> [(String, String)] {
    let words = try words()
    guard let first = words.first, first.contains("=") else {
      let name = text.prefix { $0 != " " && $0 != "\t" }
      let value = text.dropFirst(name.count).drop { $0 == " " || $0 == "\t" }
      guard !value.isEmpty else { throw invalid("needs NAME=VALUE") }
      return [(String(name), String(value))]
    }
    var result: [(String, String)] = []
    for word in words {
      guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
        throw invalid("\"\(safeText(word))\" is not NAME=VALUE")
      }
      result.append((String(word[..<equals]), String(word[word.index(after: equals)...])))
    }
    return result
  }

  /// Words apart by blanks, with the quotes and backslashes of a Dockerfile taken off.
  private func words() throws(EngineError) -> [String] {
    var words: [String] = []
    var word = ""
    var isInside = false
    var quote: Character?
    var characters = Array(text)[...]
    while let character = characters.popFirst() {
      if let open = quote {
        if character == open {
          quote = nil
        } else if character == "\\", open == "\"", let next = characters.first, next == "\"" || next == "\\" {
          word.append(characters.removeFirst())
        } else {
          word.append(character)
        }
      } else if character == "\"" || character == "'" {
        (quote, isInside) = (character, true)
      } else if character == "\\", let next = characters.popFirst() {
        word.append(next)
        isInside = true
      } else if character == " " || character == "\t" {
        if isInside { words.append(word) }
        (word, isInside) = ("", false)
      } else {
        word.append(character)
        isInside = true
      }
    }
    guard quote == nil else { throw invalid("has a quote that is not closed") }
    if isInside { words.append(word) }
    return words
  }

  /// `NONE`, or options and `CMD` with a command in either form.
  private func healthcheck() throws(EngineError) -> Healthcheck {
    if text.uppercased() == "NONE" { return Healthcheck(test: ["NONE"]) }
    var check = Healthcheck(test: [])
    var rest = text[...]
    while rest.hasPrefix("--") {
      let option = rest.prefix { $0 != " " }
      rest = rest.dropFirst(option.count).drop { $0 == " " }
      let parts = option.dropFirst(2).split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { throw invalid("the option \(safeText(String(option))) has no value") }
      let value = String(parts[1])
      switch parts[0] {
      case "interval": check.interval = try duration(value)
      case "timeout": check.timeout = try duration(value)
      case "start-period": check.startPeriod = try duration(value)
      case "start-interval": check.startInterval = try duration(value)
      case "retries":
        guard let retries = Int64(value), retries >= 1 else { throw invalid("--retries must be at least 1") }
        check.retries = retries
      default: throw invalid("has no option \(safeText(String(option)))")
      }
    }
    guard rest.uppercased().hasPrefix("CMD ") else { throw invalid("needs CMD and a command, or NONE") }
    let line = ImageChange(copying: self, text: String(rest.dropFirst(4).drop { $0 == " " }))
    guard !line.text.isEmpty else { throw invalid("needs CMD and a command, or NONE") }
    check.test = line.list().map { ["CMD"] + $0 } ?? ["CMD-SHELL", line.text]
    return check
  }

  private init(copying other: ImageChange, text: String) {
    instruction = other.instruction
    doing = other.doing
    self.text = text
  }

  /// Go's durations, such as `1m30s` or `500ms`, in nanoseconds.
  private func duration(_ text: String) throws(EngineError) -> Int64 {
    let units: [(String, Double)] = [
      ("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
    ]
    var total = 0.0
    var rest = text[...]
    while !rest.isEmpty {
      let number = rest.prefix { $0.isNumber || $0 == "." }
      rest = rest.dropFirst(number.count)
      let unit = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(unit.count)
      guard let value = Double(number), let factor = units.first(where: { $0.0 == unit })?.1 else {
        throw invalid("\"\(safeText(text))\" is no duration, such as 30s")
      }
      total += value * factor
    }
    guard total == 0 || total >= Double(Healthcheck.leastDuration), total < 9e18 else {
      throw invalid("\"\(safeText(text))\" is no duration of at least 1ms")
    }
    return Int64(total)
  }
}
