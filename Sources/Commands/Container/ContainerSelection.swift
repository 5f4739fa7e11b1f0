internal import Basics
internal import ContainerEngine
internal import LinuxKernel
internal import Storage

extension Engine {
  /// What a filter's `ancestor` means: an image that is not there is nobody's.
  func ancestor(_ name: String) -> (id: String, layers: [String])? {
    // Any failure to find it is such.
    guard let image = try? inspectImage(name) else { return nil }
    return (image["Id"]?.stringValue ?? "", image["RootFS"]?["Layers"]?.arrayValue?.compactMap(\.stringValue) ?? [])
  }
}

/// podman's ways to name containers beside by operands: `--all`, `--latest`, `--filter`, `--cidfile`, and `--ignore`
/// for those that are not there. docker has none of them.
struct ContainerSelection: CommandOptions {
  /// Which containers `--all` means.
  enum Scope { case running, stopped, all }

  var all = false
  var latest = false
  var ignoresMissing = false
  var cidFiles: [String] = []
  var filter = FilterOptions()

  static func allFlag(_ short: Character?, _ help: String) -> Flag<ContainerSelection> {
    .toggle("all", short, help) { $0.all = $1 }
  }

  static func filterFlag(_ short: Character?) -> Flag<ContainerSelection> {
    FilterOptions.flag(short: short).on(\.filter)
  }

  static func latestFlag(_ short: Character?) -> Flag<ContainerSelection> {
    .toggle("latest", short, "Take the container that was created last") { $0.latest = $1 }
  }

  static var cidFileFlag: Flag<ContainerSelection> {
    .list("cidfile", nil, "list", "Read the container ID from the file") { $0.cidFiles.append($1) }
      .completed(by: .files)
  }

  static func ignoreFlag(_ short: Character?) -> Flag<ContainerSelection> {
    .toggle("ignore", short, "Say nothing of containers that are not there") { $0.ignoresMissing = $1 }
  }

  /// No containers are chosen: operands must name some.
  var isEmpty: Bool { !all && !latest && cidFiles.isEmpty && filter.filters.isEmpty }

  /// The containers meant, by name as typed or by id.
  /// - Throws: `EngineError` when operands stand beside a choice.
  func names(_ operands: [String], _ scope: Scope, _ engine: Engine) throws -> [String] {
    if all || latest || !filter.filters.isEmpty, !operands.isEmpty {
      throw EngineError(
        .usage, "", "containers are named by arguments or chosen by --all, --latest or --filter, not both")
    }
    if all, latest { throw EngineError(.usage, "", "--all and --latest are two different choices") }
    var names = operands
    for path in cidFiles {
      do {
        names.append(try Self.id(in: path))
      } catch let error as EngineError where ignoresMissing && error.kind == .notFound {
        continue
      }
    }
    if all || latest || !filter.filters.isEmpty { names += try chosen(scope, engine) }
    return names
  }

  private func chosen(_ scope: Scope, _ engine: Engine) throws -> [String] {
    var containers = try engine.listContainers(all: true, sizes: false)
    let accepting = try ContainerFilter(filter, among: containers) { engine.ancestor($0) }
    containers = containers.filter(accepting.accepts)
    if latest { return containers.max { $0.created < $1.created }.map { [$0.id] } ?? [] }
    return containers.filter { container in
      let runs = ["running", "paused"].contains(container.stateName)
      switch scope {
      case .running: return runs
      case .stopped: return !runs
      case .all: return true
      }
    }.map(\.id)
  }

  private static func id(in path: String) throws -> String {
    let bytes = try LocalFile.read(path, limit: 4096, doing: "reading \(path)")
    let text = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
    guard Identifier.isID(text) else {
      throw EngineError(.invalidInput, "reading \(path)", "it holds no container id")
    }
    return text
  }

  /// Runs `body` for each; a container that is not there is passed over in silence with `--ignore`.
  func forEach(_ names: [String], _ invocation: Invocation, _ body: (String) throws -> Void) -> ExitCode {
    invocation.forEach(names) { name in
      do { try body(name) } catch let error as EngineError where ignoresMissing && error.kind == .notFound { return }
    }
  }
}
