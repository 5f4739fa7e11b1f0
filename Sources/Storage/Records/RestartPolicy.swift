package import OCI

/// `--restart`: when a program that has ended is started again.
package struct RestartPolicy: Equatable, Sendable {
  package enum Name: String, Sendable {
    case no
    case always
    case onFailure = "on-failure"
    case unlessStopped = "unless-stopped"
  }

  package var name = Name.no
  /// Of `on-failure`: how often at most; 0 is without end.
  package var maximumRetries: Int64 = 0

  package init() {}

  /// From docker's notation; nil for anything else.
  package init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let name = parts[0].isEmpty ? .no : Name(rawValue: parts[0]) else { return nil }
    self.name = name
    guard parts.count == 2 else { return }
    guard name == .onFailure, let retries = Int32(parts[1]), retries >= 0 else { return nil }
    maximumRetries = Int64(retries)
  }

  package var text: String { maximumRetries > 0 ? "\(name.rawValue):\(maximumRetries)" : name.rawValue }
}

/// `--health-on-failure`: what happens to a container that becomes unhealthy.
package enum HealthAction: String, Sendable { case none, kill, restart, stop }

extension ContainerSettings {
  /// The end of the program may not be the container's.
  package var hasFurtherRuns: Bool { restart.name != .no || healthAction == .restart }
}

extension ContainerRecord {
  /// The health check in force: the container's own with the image's where it says nothing; nil for none.
  package var healthcheck: Healthcheck? {
    var check = settings.healthcheck ?? Healthcheck(test: [])
    if let image = defaults.healthcheck {
      if check.test.isEmpty { check.test = image.test }
      if check.interval == 0 { check.interval = image.interval }
      if check.timeout == 0 { check.timeout = image.timeout }
      if check.startPeriod == 0 { check.startPeriod = image.startPeriod }
      if check.startInterval == 0 { check.startInterval = image.startInterval }
      if check.retries == 0 { check.retries = image.retries }
    }
    return check.test.isEmpty || check.test[0] == "NONE" ? nil : check
  }
}
