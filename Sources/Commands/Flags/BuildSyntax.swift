internal import Basics
internal import ContainerEngine
internal import Glibc
internal import ImageBuild

/// Values of the flags of `build` that are lists of fields.
enum BuildSyntax {
  /// Fields `key=value`, separated by commas, each known and given once.
  fileprivate static func fields(_ text: String, known: Set<String>) throws -> [String: String] {
    var result: [String: String] = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard pair.count == 2 else { throw FlagValueError("invalid field \(goQuoted(String(part))): must be key=value") }
      guard known.contains(pair[0]) else { throw FlagValueError("unexpected key \(goQuoted(pair[0]))") }
      guard result.updateValue(pair[1], forKey: pair[0]) == nil else {
        throw FlagValueError("the key \(goQuoted(pair[0])) is given twice")
      }
    }
    return result
  }

  /// `id=NAME[,src=FILE|,env=VARIABLE][,type=file|env]`
  static func secret(_ text: String) throws -> BuildSecret {
    let fields = try fields(text, known: ["id", "src", "source", "env", "type"])
    guard let id = fields["id"] ?? (fields["src"] ?? fields["source"]).map(lastPart), !id.isEmpty else {
      throw FlagValueError("a secret needs an id")
    }
    if let type = fields["type"], type != "file", type != "env" {
      throw FlagValueError("unsupported secret type \(goQuoted(type))")
    }
    if let path = fields["src"] ?? fields["source"] {
      if fields["type"] == "env" { return BuildSecret(id: id, source: .environment(path)) }
      return BuildSecret(id: id, source: .file(try LocalFile.absolute(path)))
    }
    let name = fields["env"] ?? id
    // docker: without a source, the variable of that name, or else the file.
    if fields["env"] != nil || getenv(name) != nil { return BuildSecret(id: id, source: .environment(name)) }
    return BuildSecret(id: id, source: .file(try LocalFile.absolute(id)))
  }

  private static func lastPart(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "" }

  /// `default`, `ID`, `ID=SOCKET`.
  static func agent(_ text: String) throws -> BuildAgent {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    if parts.count == 2 {
      var status = stat()
      let path = try LocalFile.absolute(parts[1])
      guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else {
        throw FlagValueError("\(path) is no socket of an agent; start one with ssh-agent and ssh-add the key")
      }
      return BuildAgent(id: parts[0], socket: path)
    }
    guard let socket = getenv("SSH_AUTH_SOCK") else {
      throw FlagValueError("there is no ssh agent: SSH_AUTH_SOCK is not set")
    }
    return BuildAgent(id: parts[0], socket: String(cString: socket))
  }

  /// `NAME=DIRECTORY`, `NAME=docker-image://IMAGE`.
  static func add(context text: String, to settings: inout BuildSettings) throws {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
      throw FlagValueError("a build context is NAME=DIRECTORY or NAME=docker-image://IMAGE")
    }
    for scheme in ["docker-image://", "container-image://"] where parts[1].hasPrefix(scheme) {
      settings.contexts[parts[0]] = .image(String(parts[1].dropFirst(scheme.count)))
      return
    }
    guard !parts[1].contains("://") else {
      throw FlagValueError("contexts of \(parts[1].prefix { $0 != ":" }) are not in this version yet")
    }
    settings.contexts[parts[0]] = .directory(try LocalFile.absolute(parts[1]))
  }
}

extension BuildSyntax {
  /// `DIRECTORY`, `-`, or `type=…` with its fields.
  static func add(output text: String, to options: inout BuildOptions) throws {
    if text == "-" { return options.outputs.append(.tar(nil)) }
    guard text.contains("=") else { return options.outputs.append(.local(try LocalFile.absolute(text))) }
    let fields = try fields(text, known: ["type", "dest", "name", "push"])
    let path = try fields["dest"].flatMap { $0 == "-" ? nil : $0 }.map { try LocalFile.absolute($0) }
    switch fields["type"] ?? "" {
    case "local":
      guard let path else { throw FlagValueError("dest is required for local output") }
      options.outputs.append(.local(path))
    case "tar": options.outputs.append(.tar(path))
    case "oci": options.outputs.append(.archive(.oci, path))
    case "docker" where fields["dest"] != nil: options.outputs.append(.archive(.docker, path))
    case "docker", "image", "registry":
      if let names = fields["name"] { options.tags += names.split(separator: ",").map(String.init) }
      if fields["push"] == "true" || fields["type"] == "registry" { options.pushes = true }
    case "cacheonly": break
    case let type: throw FlagValueError("unsupported output type \(goQuoted(type))")
    }
  }
}
