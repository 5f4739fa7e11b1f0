internal import Basics
internal import Storage

/// `-v`, `--mount` and `--tmpfs`, in docker's grammar (SECURITY D5: a fixed list of keys, unknown ones are errors).
enum MountSyntax {
  static let propagations = ["private", "rprivate", "shared", "rshared", "slave", "rslave"]
  /// Mount options that a bind may carry beyond docker's, as podman has them.
  private static let bindOptions = ["exec", "noexec", "suid", "nosuid", "dev", "nodev"]
  /// Options of tmpfs with a value, and without.
  private static let tmpfsValues = ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol", "huge"]
  private static let tmpfsWords =
    bindOptions + [
      "ro", "rw", "sync", "async", "dirsync", "mand", "nomand", "atime", "noatime", "diratime", "nodiratime",
      "relatime",
      "norelatime", "strictatime", "nostrictatime", "defaults",
    ]

  /// `-v [HOST-DIR|NAME:]DIR[:OPTIONS]`.
  static func volume(_ text: String) throws -> MountRequest {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard (1...3).contains(parts.count), !parts.contains("") else { throw invalid(text) }
    if parts.count == 1 { return try namedVolume("", target: target(parts[0], of: text)) }
    if parts.count == 2, isMode(parts[1]) { throw invalid(text) }
    let target = try target(parts[1], of: text)
    let isPath = parts[0].hasPrefix("/") || parts[0].hasPrefix(".") || parts[0].hasPrefix("~")
    var mount =
      isPath
      ? MountRequest(kind: .bind, source: try LocalFile.absolute(parts[0]), target: target)
      : try namedVolume(parts[0], target: target)
    mount.createsSource = true
    if parts.count == 3 { try apply(mode: parts[2], to: &mount) }
    return mount
  }

  /// `--tmpfs DIR[:OPTIONS]`.
  static func tmpfs(_ text: String) throws -> MountRequest {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    var mount = MountRequest(kind: .tmpfs, source: "", target: try target(parts[0], of: text))
    for option in (parts.count == 2 ? parts[1] : "").split(separator: ",").map(String.init) {
      guard isTmpfsOption(option) else { throw FlagValueError("invalid tmpfs option [\(goQuoted(option))]") }
      if option == "ro" { mount.readOnly = true }
      if option != "defaults" { mount.options.append(option) }
    }
    return mount
  }

  /// `--mount type=…,source=…,target=…`.
  static func mount(_ text: String) throws -> MountRequest {
    var fields = MountFields()
    for field in try commaSeparated(text) { try fields.read(field) }
    return try fields.request()
  }

  static func isTmpfsOption(_ option: String) -> Bool {
    if tmpfsWords.contains(option) { return true }
    let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2, tmpfsValues.contains(parts[0]) else { return false }
    switch parts[0] {
    case "size":
      if parts[1].hasSuffix("%") { return UInt8(parts[1].dropLast()) != nil }
      // Why it is no size does not matter: the whole option is shown.
      return (try? ByteCount.parse(parts[1])) != nil
    case "mode": return UInt32(parts[1], radix: 8).map { $0 <= 0o7777 } ?? false
    case "uid", "gid": return UInt32(parts[1]).map { $0 < UInt32(Int32.max) } ?? false
    default: return true
    }
  }

  /// The target of a mount: absolute, and not the root itself.
  static func target(_ path: String, of text: String) throws(FlagValueError) -> String {
    guard path.hasPrefix("/") else {
      throw FlagValueError("invalid volume specification: '\(text)': mount path must be absolute")
    }
    guard !path.utf8.contains(0) else { throw FlagValueError("invalid volume specification: it has a NUL byte") }
    let cleaned = LocalFile.cleaned(path)
    guard cleaned != "/" else { throw FlagValueError("invalid specification: destination can't be '/'") }
    return cleaned
  }

  static func namedVolume(_ name: String, target: String) throws -> MountRequest {
    guard name.isEmpty || Identifier.isName(name) else {
      throw FlagValueError(
        "\(goQuoted(name)) includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are "
          + "allowed. If you intended to pass a host directory, use absolute path")
    }
    return MountRequest(kind: .volume, source: name, target: target)
  }

  private static func invalid(_ text: String) -> FlagValueError {
    FlagValueError("invalid volume specification: '\(text)'")
  }

  private static func isMode(_ text: String) -> Bool {
    text.split(separator: ",").allSatisfy {
      ["ro", "rw", "z", "Z", "nocopy"].contains($0) || propagations.contains(String($0))
    }
  }

  private static func apply(mode: String, to mount: inout MountRequest) throws {
    for option in mode.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
      switch option {
      case "ro", "readonly": mount.readOnly = true
      case "rw": mount.readOnly = false
      // Labels for SELinux and macOS consistency: nothing to do here.
      case "z", "Z", "consistent", "cached", "delegated", "default": break
      case "nocopy": mount.copiesUp = false
      case "copy": mount.copiesUp = true
      case "U": mount.chownsSource = true
      case "O": mount.isOverlay = true
      case _ where mount.kind == .volume && (propagations + ["bind", "rbind"]).contains(option):
        throw FlagValueError("invalid mode: \(mode): a volume has no submounts and no propagation")
      case "rbind": mount.recursive = .enabled
      case "bind": mount.recursive = .disabled
      case _ where propagations.contains(option): mount.propagation = option
      case _ where bindOptions.contains(option): mount.options.append(option)
      case "idmap":
        throw EngineError(
          .unsupported, "volume option \(option)", "only the host's root may map the ids of a mount",
          hint: "U gives the files to the container's user; --userns keep-id shows your own files as yours")
      default: throw FlagValueError("invalid mode: \(mode)")
      }
    }
    if mount.isOverlay, mount.chownsSource { throw FlagValueError("invalid mode: \(mode): U and O exclude each other") }
  }

  /// Fields of one line of CSV: a field in double quotes may hold commas, `""` is a quote in it.
  static func commaSeparated(_ text: String) throws(FlagValueError) -> [String] {
    var fields: [String] = []
    var rest = text[...]
    while true {
      var field = ""
      if rest.first == "\"" {
        rest.removeFirst()
        while true {
          guard let character = rest.popFirst() else { throw FlagValueError("a quote in '\(text)' is not closed") }
          if character != "\"" {
            field.append(character)
          } else if rest.first == "\"" {
            field.append(rest.removeFirst())
          } else {
            break
          }
        }
        guard rest.isEmpty || rest.first == "," else { throw FlagValueError("text follows a quote in '\(text)'") }
      } else {
        field = String(rest.prefix { $0 != "," })
        guard !field.contains("\"") else { throw FlagValueError("a bare quote stands in '\(text)'") }
        rest = rest.dropFirst(field.count)
      }
      fields.append(field)
      guard rest.popFirst() != nil else { return fields }
    }
  }
}

/// The fields of one `--mount` as they are read.
private struct MountFields {
  private var type = "volume"
  private var source = ""
  private var target = ""
  private var readOnly = false
  private var propagation: String?
  private var recursive: MountRequest.Recursive?
  private var options: [String] = []
  /// The first key of each kind that was used, to refuse those of another type.
  private var bindKey: String?
  private var volumeKey: String?
  private var copiesUp = true
  private var subpath = ""
  private var volumeLabels: [String] = []
  private var volumeOptions: [String] = []
  private var chownsSource = false
  private var tmpfsKey: String?

  mutating func read(_ field: String) throws {
    let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let key = parts[0].lowercased()
    guard parts.count == 2 else {
      switch key {
      case "readonly", "ro": readOnly = true
      case "bind-nonrecursive":
        bindKey = key
        recursive = .disabled
      case "volume-nocopy":
        volumeKey = key
        copiesUp = false
      case "chown", "u": chownsSource = true
      default: throw FlagValueError("invalid field '\(field)' must be a key=value pair")
      }
      return
    }
    try read(key, parts[1], field)
  }

  private mutating func read(_ key: String, _ value: String, _ field: String) throws {
    switch key {
    case "type": type = value.lowercased()
    case "source", "src": source = value
    case "target", "dst", "destination": target = value
    case "readonly", "ro": readOnly = try bool(key, value)
    case "rw": readOnly = try !bool(key, value)
    case "consistency", "relabel": break
    case "bind-propagation":
      guard MountSyntax.propagations.contains(value) else {
        throw FlagValueError("invalid propagation value: \(value)")
      }
      bindKey = key
      propagation = value
    case "bind-nonrecursive":
      bindKey = key
      if try bool(key, value) { recursive = .disabled }
    case "bind-recursive":
      guard let wanted = MountRequest.Recursive(rawValue: value) else {
        throw FlagValueError(
          "invalid value for bind-recursive: \(value) (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
        )
      }
      bindKey = key
      recursive = wanted
    case "volume-nocopy":
      volumeKey = key
      copiesUp = try !bool(key, value)
    case "volume-label":
      volumeKey = key
      volumeLabels.append(value)
    case "volume-opt":
      volumeKey = key
      volumeOptions.append(value)
    case "volume-driver":
      volumeKey = key
      guard value.isEmpty || value == "local" else {
        throw EngineError(.unsupported, "volume-driver=\(value)", "the only driver of volumes here is local")
      }
    case "volume-subpath", "subpath":
      volumeKey = key
      subpath = try Self.checkedSubpath(value)
    case "chown", "u": chownsSource = try bool(key, value)
    case "tmpfs-size":
      tmpfsKey = key
      // Why it is no size does not matter: the whole value is shown.
      guard let size = try? ByteCount.parse(value) else { throw FlagValueError("invalid value for \(key): \(value)") }
      options.append("size=\(size)")
    case "tmpfs-mode":
      tmpfsKey = key
      guard let mode = UInt32(value, radix: 8), mode <= 0o7777 else {
        throw FlagValueError("invalid value for \(key): \(value)")
      }
      options.append("mode=\(String(mode, radix: 8))")
    default: throw FlagValueError("unexpected key '\(key)' in '\(field)'")
    }
  }

  /// Relative, and without a way up.
  private static func checkedSubpath(_ path: String) throws(FlagValueError) -> String {
    let parts = path.split(separator: "/").map(String.init).filter { $0 != "." }
    guard !path.hasPrefix("/"), !parts.contains(".."), !path.utf8.contains(0) else {
      throw FlagValueError("invalid value for volume-subpath: \(path): must be a relative path within the volume")
    }
    return parts.joined(separator: "/")
  }

  private func bool(_ key: String, _ value: String) throws(FlagValueError) -> Bool {
    do { return try parseBool(value) } catch { throw FlagValueError("invalid value for \(key): \(value)") }
  }

  /// The mount asked for.
  func request() throws -> MountRequest {
    guard !type.isEmpty else { throw FlagValueError("type is required") }
    guard !target.isEmpty else { throw FlagValueError("target is required") }
    for (kind, key) in [("bind", bindKey), ("volume", volumeKey), ("tmpfs", tmpfsKey)] where kind != type && key != nil
    {
      throw FlagValueError("cannot mix '\(kind)-*' options with mount type '\(type)'")
    }
    let place = try MountSyntax.target(target, of: target)
    switch type {
    case "bind": return try bind(place)
    case "volume":
      var mount = try MountSyntax.namedVolume(source, target: place)
      mount.readOnly = readOnly
      mount.copiesUp = copiesUp
      mount.subpath = subpath
      mount.volumeLabels = volumeLabels
      mount.volumeOptions = volumeOptions
      mount.chownsSource = chownsSource
      return mount
    case "tmpfs":
      guard source.isEmpty else {
        throw FlagValueError("invalid mount config for type \"tmpfs\": field Source must not be specified")
      }
      var mount = MountRequest(kind: .tmpfs, source: "", target: place)
      mount.readOnly = readOnly
      mount.options = options
      return mount
    case "image", "cluster", "npipe", "devpts", "ramfs", "glob", "artifact":
      throw EngineError(.unsupported, "--mount type=\(type)", "this type of mount is not in this version yet")
    default: throw FlagValueError("mount type unknown: \(goQuoted(type))")
    }
  }

  private func bind(_ place: String) throws -> MountRequest {
    guard !source.isEmpty else {
      throw FlagValueError("invalid mount config for type \"bind\": field Source must not be empty")
    }
    guard source.hasPrefix("/") || source.hasPrefix(".") || source.hasPrefix("~") else {
      throw FlagValueError(
        "invalid mount config for type \"bind\": invalid mount path: '\(source)' mount path must be absolute")
    }
    var mount = MountRequest(kind: .bind, source: try LocalFile.absolute(source), target: place)
    mount.readOnly = readOnly
    mount.chownsSource = chownsSource
    mount.propagation = propagation
    mount.recursive = recursive ?? .enabled
    // docker's rule: all submounts read-only only when nothing could come back through propagation.
    if mount.recursive == .readonly {
      guard readOnly else {
        throw FlagValueError("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction")
      }
      guard propagation == "rprivate" else {
        throw FlagValueError(
          "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction")
      }
    }
    if mount.recursive == .writable, !readOnly {
      throw FlagValueError("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction")
    }
    return mount
  }
}
