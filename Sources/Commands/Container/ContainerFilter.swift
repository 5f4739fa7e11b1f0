internal import Basics
internal import ContainerEngine
internal import Networking
internal import Storage

/// docker's filters of `ps`, over summaries alone.
struct ContainerFilter {
  static let keys = [
    "ancestor", "before", "exited", "expose", "health", "id", "is-task", "label", "name", "network", "publish",
    "restart-policy", "should-start-on-boot", "since", "status", "volume",
  ]

  private let filters: FilterOptions
  private let exitCodes: [Int32]
  /// Creation times that `before` and `since` stand for.
  private var before: Timestamp?
  private var since: Timestamp?
  /// Ids and layers of the images that `ancestor` names.
  private let ancestors: [(id: String, layers: [String])]

  /// `image` looks up what `ancestor` names: its id and layers, nil when there is no such image.
  /// - Throws: `EngineError` for an unknown key or a value that cannot be.
  init(
    _ filters: FilterOptions, among all: [ContainerSummary], image: (String) throws -> (id: String, layers: [String])?
  ) throws {
    try filters.check(Self.keys)
    self.filters = filters
    exitCodes = try filters.values("exited").map { text in
      guard let code = Int32(text) else { throw Self.invalid("exited", text) }
      return code
    }
    for status in filters.values("status")
    where !["created", "restarting", "running", "removing", "paused", "exited", "dead"].contains(status) {
      throw Self.invalid("status", status)
    }
    for health in filters.values("health") where !["none", "starting", "healthy", "unhealthy"].contains(health) {
      throw Self.invalid("health", health)
    }
    for policy in filters.values("restart-policy") where RestartPolicy(policy) == nil {
      throw Self.invalid("restart-policy", policy)
    }
    for word in filters.values("should-start-on-boot") where !["true", "false", "1", "0"].contains(word) {
      throw Self.invalid("should-start-on-boot", word)
    }
    ancestors = try filters.values("ancestor").compactMap(image)
    before = try filters.values("before").map { try Self.find($0, all).created }.min()
    since = try filters.values("since").map { try Self.find($0, all).created }.max()
  }

  /// docker lists stopped containers too when a state is asked for.
  static func asksForAll(_ filters: FilterOptions) -> Bool { !filters.values("status").isEmpty }

  func accepts(_ container: ContainerSummary) -> Bool {
    acceptsIdentity(container) && acceptsState(container) && acceptsSurroundings(container)
  }

  private func acceptsIdentity(_ container: ContainerSummary) -> Bool {
    any("id") { FilterPattern($0).isFound(in: container.id) }
      && any("name") { pattern in
        FilterPattern(pattern).isFound(in: container.name) || FilterPattern(pattern).isFound(in: "/" + container.name)
      }
      && filters.accepts(labels: container.labels)
      && (before.map { container.created < $0 } ?? true) && (since.map { container.created > $0 } ?? true)
      && (filters.values("ancestor").isEmpty || ancestors.contains { isAncestor($0, of: container) })
  }

  private func acceptsState(_ container: ContainerSummary) -> Bool {
    if !exitCodes.isEmpty {
      guard case .exited(let code, _) = container.state, exitCodes.contains(code) else { return false }
    }
    return any("status") { $0 == container.stateName } && any("health") { $0 == container.health?.rawValue ?? "none" }
      && any("restart-policy") { wanted in RestartPolicy(wanted)?.name == container.restart.name }
      && any("should-start-on-boot") { ["true", "1"].contains($0) == container.startsOnBoot }
      && any("is-task") { ["false", "0"].contains($0) }
  }

  private func acceptsSurroundings(_ container: ContainerSummary) -> Bool {
    any("network") { $0 == container.network || container.networks.contains($0) }
      && any("volume") { wanted in container.mounts.contains { $0.source == wanted || $0.target == wanted } }
      && any("publish") { wanted in
        PortText.accepts(wanted, container.published.map { "\($0.hostPort)/\($0.transport.rawValue)" })
      }
      && any("expose") { wanted in
        PortText.accepts(
          wanted,
          container.exposed + container.published.map { "\($0.containerPort)/\($0.transport.rawValue)" })
      }
  }

  /// True when the key was not given or one of its values fits.
  private func any(_ key: String, _ fits: (String) -> Bool) -> Bool {
    let values = filters.values(key)
    return values.isEmpty || values.contains(where: fits)
  }

  private func isAncestor(_ image: (id: String, layers: [String]), of container: ContainerSummary) -> Bool {
    if image.id == container.imageID { return true }
    return !image.layers.isEmpty && container.layers.starts(with: image.layers)
  }

  private static func find(_ name: String, _ all: [ContainerSummary]) throws -> ContainerSummary {
    if let container = all.first(where: { $0.name == name || $0.id == name }) { return container }
    let matches = all.filter { $0.id.hasPrefix(name) }
    guard let container = matches.first, matches.count == 1, !name.isEmpty else {
      throw EngineError(.notFound, "filtering containers", "No such container: \(name)")
    }
    return container
  }

  private static func invalid(_ key: String, _ value: String) -> EngineError {
    EngineError(.usage, "", "invalid filter '\(key)=\(value)'")
  }
}
