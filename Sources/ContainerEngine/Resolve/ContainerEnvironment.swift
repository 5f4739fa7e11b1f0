internal import Basics
internal import OCI
internal import Storage

/// The environment of a container's program.
enum ContainerEnvironment {
  private static let defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  /// PATH, then the image's variables, then the user's, each name once at its first place with its last value. HOSTNAME,
  /// HOME and TERM are added at the start and are not part of the container's configuration, as in docker.
  static func merged(_ record: ContainerRecord, hostname: String) -> [String] {
    var result: [String] = []
    var positions: [Substring: Int] = [:]
    for entry in [defaultPath] + record.defaults.environment + record.settings.environment {
      let name = entry.prefix { $0 != "=" }
      if let position = positions[name] {
        result[position] = entry
      } else {
        positions[name] = result.count
        result.append(entry)
      }
    }
    return result
  }
}
