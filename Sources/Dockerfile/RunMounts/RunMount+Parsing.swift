internal import Basics

extension RunMount {
  private static let types = ["bind", "cache", "tmpfs", "secret", "ssh"]

  /// `from=` of a mount, which must stand before any variable is known: it decides which stages are built.
  static func origin(in text: String) throws(BuildDiagnostic) -> String? {
    let values = try OptionFields(parsing: text, flag: "mount").fields.filter { $0.key == "from" }
    guard let value = values.last?.value, !value.isEmpty else { return nil }
    guard !value.utf8.contains(UInt8(ascii: "$")) else {
      throw BuildDiagnostic(
        "'from' doesn't support variable expansion, define alias stage instead", word: "from=" + value)
    }
    return value
  }

  /// Parses one `--mount`; `expand` puts the variables of a value in.
  init(
    parsing text: String, expand: (String) throws(BuildDiagnostic) -> String = { (text) in text }
  ) throws(BuildDiagnostic) {
    let options = try MountOptions(parsing: text, expand: expand)
    switch options.type {
    case "bind": self = .bind(try BindMount(options))
    case "cache": self = .cache(try CacheMount(options))
    case "tmpfs": self = .tmpfs(try TmpfsMount(options))
    case "secret": self = .secret(try SecretMount(options))
    case "ssh": self = .ssh(try SSHMount(options))
    default:
      throw .invalidChoice(
        "unsupported mount type \(goQuoted(options.type))", options.type, among: Self.types)
    }
  }
}

/// The fields of one `--mount`, each of a known name and given at most once, before its type makes sense of them.
struct MountOptions {
  private static let spellings: [(written: String, name: String)] = [
    ("type", "type"), ("from", "from"), ("source", "source"), ("src", "source"), ("target", "target"),
    ("dst", "target"), ("destination", "target"), ("readonly", "readonly"), ("ro", "readonly"),
    ("readwrite", "readwrite"), ("rw", "readwrite"), ("id", "id"), ("sharing", "sharing"), ("required", "required"),
    ("size", "size"), ("mode", "mode"), ("uid", "uid"), ("gid", "gid"), ("env", "env"),
  ]
  private static let switches: Set<String> = ["readonly", "readwrite", "required"]

  let type: String
  private var values: [String: String] = [:]

  init(parsing text: String, expand: (String) throws(BuildDiagnostic) -> String) throws(BuildDiagnostic) {
    for field in try OptionFields(parsing: text, flag: "mount").fields {
      guard let name = Self.spellings.first(where: { $0.written == field.key })?.name else {
        guard field.value != nil else {
          throw BuildDiagnostic("invalid field '\(safeText(field.text))' must be a key=value pair", word: field.text)
        }
        throw BuildDiagnostic(
          "unexpected key '\(safeText(field.key))' in '\(safeText(field.text))'",
          hint: nearest(to: field.key, among: Self.spellings.map(\.written)).map { "did you mean \($0)?" },
          word: field.text)
      }
      guard field.value != nil || Self.switches.contains(name) else {
        throw BuildDiagnostic("invalid field '\(safeText(field.text))' must be a key=value pair", word: field.text)
      }
      guard values[name] == nil else {
        throw BuildDiagnostic("the key '\(name)' is given twice in one --mount", word: field.text)
      }
      values[name] = try expand(field.value ?? "true")
    }
    type = (values["type"] ?? "bind").lowercased()
  }

  /// Refuses the fields that this type does not have.
  func allow(_ names: String...) throws(BuildDiagnostic) {
    for name in values.keys.sorted() where name != "type" && !names.contains(name) {
      throw BuildDiagnostic("unexpected key '\(name)' for mount type '\(type)'", word: name)
    }
  }

  /// Nil for an empty value too.
  func text(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

  func has(_ name: String) -> Bool { values[name] != nil }

  func target() throws(BuildDiagnostic) -> String {
    guard let target = text("target") else {
      throw BuildDiagnostic("a mount of type '\(type)' needs a target", hint: "add target=PATH", word: "--mount")
    }
    return target
  }

  func bool(_ name: String) throws(BuildDiagnostic) -> Bool? {
    guard let text = values[name] else { return nil }
    guard let value = goBool(text) else { throw invalid(name, text) }
    return value
  }

  /// From `readonly` and `readwrite`.
  func writable(standard: Bool) throws(BuildDiagnostic) -> Bool {
    let readOnly = try bool("readonly")
    let writable = try bool("readwrite")
    if let readOnly, let writable, readOnly == writable {
      throw BuildDiagnostic("a mount is either readonly or readwrite", word: "--mount")
    }
    return writable ?? readOnly.map { !$0 } ?? standard
  }

  func number(_ name: String, radix: Int = 10) throws(BuildDiagnostic) -> UInt32? {
    guard let text = values[name] else { return nil }
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = UInt32(text, radix: radix) else {
      throw invalid(name, text)
    }
    return value
  }

  /// Octal permission bits.
  func mode() throws(BuildDiagnostic) -> UInt32? {
    guard let mode = try number("mode", radix: 8) else { return nil }
    guard mode <= 0o7777 else { throw invalid("mode", text("mode") ?? "") }
    return mode
  }

  func invalid(_ name: String, _ text: String) -> BuildDiagnostic {
    BuildDiagnostic("invalid value for \(name): \(safeText(text))", word: name + "=" + text)
  }
}
