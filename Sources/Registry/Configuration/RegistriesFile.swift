internal import Basics
internal import OCI

/// A `[[registry]]` table of registries.conf: what holds for the images below a prefix.
struct RegistryRule: Sendable {
  struct Mirror: Sendable {
    enum Use: String { case all, digestOnly = "digest-only", tagOnly = "tag-only" }
    var location: String
    var isInsecure: Bool
    var use: Use
  }

  /// `host[:port][/path…]`, or `*.host`.
  var prefix: String
  /// What stands in the prefix's place; empty with a wildcard keeps the name.
  var location: String
  /// Nil when the table does not say.
  var isInsecure: Bool?
  var isBlocked: Bool
  var mirrors: [Mirror]
  var mirrorByDigestOnly: Bool
  /// The file it stands in, for errors.
  var file: String

  /// Bytes of `name` that the prefix covers, nil when it does not match (containers-registries.conf(5), "Choosing a
  /// [[registry]] TOML table").
  func match(_ name: String) -> Int? { Self.match(name, prefix) }

  static func match(_ name: String, _ prefix: String) -> Int? {
    if prefix.hasPrefix("*.") {
      let suffix = prefix.dropFirst()
      let host = name.prefix { $0 != "/" && $0 != "@" }
      // With or without the port: the form of the prefix has none.
      for end in [host.count, host.firstIndex(of: ":").map { host.distance(from: host.startIndex, to: $0) }] {
        guard let end else { continue }
        if host.prefix(end).hasSuffix(suffix), host.prefix(end).count > suffix.count { return end }
      }
      return nil
    }
    guard name.hasPrefix(prefix) else { return nil }
    let rest = name.utf8.dropFirst(prefix.utf8.count)
    switch rest.first {
    case nil, UInt8(ascii: "/"), UInt8(ascii: "@"): return prefix.utf8.count
    // After a host a colon is a port: another registry. podman takes it for this one and says not to rely on it.
    case UInt8(ascii: ":"): return prefix.contains("/") ? prefix.utf8.count : nil
    default: return nil
    }
  }
}

/// One file in the format of containers-registries.conf(5), version 2; also several of them, merged.
struct RegistriesFile {
  enum ShortNameMode: String, Sendable { case enforcing, permissive, disabled }

  var rules: [RegistryRule] = []
  /// Nil when no file says.
  var searchRegistries: [String]?
  var credentialHelpers: [String]?
  var shortNameMode: ShortNameMode?
  /// Short name to full name; an empty one takes the alias away.
  var aliases: [(name: String, value: String)] = []
  /// The file each setting of several came from last.
  var searchFile = ""

  init() {}

  init(_ bytes: [UInt8], path: String, doing: String) throws(EngineError) {
    let json: JSON
    do throws(TOMLSyntaxError) { json = try JSON(parsingTOML: bytes) } catch {
      throw EngineError(.invalidInput, doing, "\(path), line \(error.line): \(error.reason)")
    }
    func invalid(_ reason: String) -> EngineError { EngineError(.invalidInput, doing, "\(path): \(safeText(reason))") }
    if json["registries"] != nil {
      throw EngineError(
        .unsupported, doing, "\(path) is in version 1 of its format, [registries.search], which is not read",
        hint: "write unqualified-search-registries = [\"docker.io\"] and [[registry]] tables in its place")
    }
    do throws(JSONShapeError) {
      let fields = try JSONFields(json, path)
      searchRegistries = try fields.optionalStrings("unqualified-search-registries")
      searchFile = path
      credentialHelpers = try fields.optionalStrings("credential-helpers")
      aliases = try fields.pairs("aliases").map { (name: $0.0, value: $0.1) }
      if let text = try fields.optionalString("short-name-mode"), !text.isEmpty {
        guard let mode = ShortNameMode(rawValue: text) else {
          throw fields.failure("short-name-mode", "is none of enforcing, permissive, disabled")
        }
        shortNameMode = mode
      }
      for table in try fields.objects("registry") { rules.append(try RegistryRule(table, file: path)) }
    } catch { throw invalid("\(error.path) \(error.reason)") }
    if let problem = inconsistency() { throw invalid(problem) }
  }

  /// Adds a drop-in: what it says replaces what was said before (containers-registries.conf.d(5)).
  mutating func merge(_ other: RegistriesFile) {
    for rule in other.rules {
      rules.removeAll { $0.prefix == rule.prefix }
      rules.append(rule)
    }
    if let registries = other.searchRegistries { (searchRegistries, searchFile) = (registries, other.searchFile) }
    credentialHelpers = other.credentialHelpers ?? credentialHelpers
    shortNameMode = other.shortNameMode ?? shortNameMode
    for alias in other.aliases {
      aliases.removeAll { $0.name == alias.name }
      aliases.append(alias)
    }
  }

  /// The table with the longest matching prefix, the first of equals.
  func rule(for name: String) -> RegistryRule? {
    var best: RegistryRule?
    for rule in rules where rule.match(name) != nil {
      if rule.prefix.utf8.count > (best?.prefix.utf8.count ?? 0) { best = rule }
    }
    return best
  }

  /// What is wrong between the settings of one file, nil when nothing is.
  private func inconsistency() -> String? {
    for alias in aliases {
      guard ShortName.isShort(alias.name), ShortName.split(alias.name).suffix.isEmpty else {
        return "alias \"\(alias.name)\" is no short name without tag and digest"
      }
      guard alias.value.isEmpty || ShortName.isFullName(alias.value) else {
        return "alias \"\(alias.name)\" does not lead to a full name without tag and digest"
      }
    }
    for registry in searchRegistries ?? [] where !ShortName.isHost(registry) {
      return "unqualified-search-registries has \"\(registry)\", which is no registry"
    }
    for rule in rules {
      let same = rules.filter {
        rule.location.isEmpty ? $0.prefix == rule.prefix : $0.location == rule.location
      }
      if same.contains(where: { ($0.isInsecure ?? false) != (rule.isInsecure ?? false) }) {
        return "registry \"\(rule.location)\" is defined several times with different \"insecure\""
      }
      if same.contains(where: { $0.isBlocked != rule.isBlocked }) {
        return "registry \"\(rule.location)\" is defined several times with different \"blocked\""
      }
    }
    return nil
  }
}

extension RegistryRule {
  fileprivate init(_ table: JSONFields, file: String) throws(JSONShapeError) {
    let location = try Self.location(table, "location")
    var prefix = try Self.location(table, "prefix")
    if prefix.isEmpty {
      guard !location.isEmpty else { throw table.failure("location", "is missing, and so is prefix") }
      prefix = location
    } else if !prefix.hasPrefix("*."), location.isEmpty {
      throw table.failure("location", "is missing; only a prefix such as *.example.com goes without")
    }
    if prefix.hasPrefix("*."), prefix.dropFirst(2).contains(where: { $0 == "/" || $0 == ":" || $0 == "*" }) {
      throw table.failure("prefix", "has more than a host after *.")
    }
    guard try table.optionalString("pull-from-mirror") ?? "" == "" else {
      throw table.failure("pull-from-mirror", "belongs into a [[registry.mirror]] table")
    }
    let digestOnly = try table.bool("mirror-by-digest-only")
    var mirrors: [Mirror] = []
    for mirror in try table.objects("mirror") {
      let place = try Self.location(mirror, "location")
      guard !place.isEmpty else { throw mirror.failure("location", "is missing") }
      let text = try mirror.optionalString("pull-from-mirror") ?? ""
      guard let use = text.isEmpty ? .all : Mirror.Use(rawValue: text) else {
        throw mirror.failure("pull-from-mirror", "is none of all, digest-only, tag-only")
      }
      guard text.isEmpty || !digestOnly else {
        throw mirror.failure("pull-from-mirror", "contradicts mirror-by-digest-only of the registry")
      }
      mirrors.append(Mirror(location: place, isInsecure: try mirror.bool("insecure"), use: use))
    }
    self.init(
      prefix: prefix, location: location, isInsecure: try table.optionalBool("insecure"),
      isBlocked: try table.bool("blocked"), mirrors: mirrors, mirrorByDigestOnly: digestOnly, file: file)
  }

  /// A location without slashes at its end; a URL is none.
  private static func location(_ table: JSONFields, _ name: String) throws(JSONShapeError) -> String {
    var text = try table.optionalString(name) ?? ""
    while text.hasSuffix("/") { text.removeLast() }
    guard !text.contains("://") else { throw table.failure(name, "is an address; write it without its scheme") }
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw table.failure(name, "has odd characters") }
    return text
  }
}
