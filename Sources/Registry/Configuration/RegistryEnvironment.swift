internal import Basics
internal import Glibc
package import LinuxKernel

/// Where the files of docker and podman that concern registries are, for one user. Nothing is read here.
package struct RegistryEnvironment: Sendable {
  package var variables: [String: String]
  /// Nil for an account without one.
  package var home: String?
  /// The user's id outside any namespace of ours.
  package var uid: UInt32
  /// What stands before `/etc`, `/run` and `/var`: empty but in tests.
  package var systemRoot: String

  package init(variables: [String: String], home: String?, uid: UInt32, systemRoot: String = "") {
    self.variables = variables
    self.home = home
    self.uid = uid
    self.systemRoot = systemRoot
  }

  /// The environment of this process, for the account it was started by.
  package init(account: Account) {
    var variables: [String: String] = [:]
    for entry in ProcessEnvironment.entries {
      guard let equals = entry.firstIndex(of: "=") else { continue }
      variables[String(entry[..<equals])] = String(entry[entry.index(after: equals)...])
    }
    let named = variables["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
    self.init(variables: variables, home: named ?? account.home, uid: account.uid)
  }

  /// A variable's value, nil when it is not set or empty.
  package func variable(_ name: String) -> String? {
    guard let value = variables[name], !value.isEmpty else { return nil }
    return value
  }

  private func absolute(_ name: String) -> String? { variable(name).flatMap { $0.hasPrefix("/") ? $0 : nil } }

  func system(_ path: String) -> String { systemRoot + path }
  func inHome(_ path: String) -> String? { home.map { "\($0)/\(path)" } }

  /// `$XDG_CONFIG_HOME`, else `~/.config`.
  var configHome: String? { absolute("XDG_CONFIG_HOME") ?? inHome(".config") }
  var cacheHome: String? { absolute("XDG_CACHE_HOME") ?? inHome(".cache") }

  /// docker's client directory: `$DOCKER_CONFIG`, else `~/.docker`.
  var dockerClientFile: String? {
    variable("DOCKER_CONFIG").map { $0 + "/config.json" } ?? inHome(".docker/config.json")
  }

  /// podman's own place of credentials, which goes with the session (containers-auth.json(5)).
  var sessionAuthFile: String {
    let directory = absolute("XDG_RUNTIME_DIR") ?? system("/run/containers/\(uid)")
    return directory + "/containers/auth.json"
  }

  /// podman's place that outlives a session.
  var lastingAuthFile: String? { configHome.map { $0 + "/containers/auth.json" } }
}

/// Reading of settings files, each of bounded size and no device or pipe.
enum SettingsFile {
  /// Largest registries.conf, drop-in, daemon.json or policy.json, in bytes.
  static let limit = 1 << 20
  /// Largest file of credentials, in bytes.
  static let credentialLimit = 4 << 20
  /// Drop-ins of one directory.
  static let dropInLimit = 1000

  /// The file's bytes, nil when it does not exist.
  static func read(_ path: String, _ doing: String, limit: Int = limit) throws(EngineError) -> [UInt8]? {
    do throws(SystemError) {
      // A pipe somebody put there must not hold us up.
      let file = try File.open(path, O_RDONLY | O_NONBLOCK)
      guard try File.status(file.raw, shown: path).kind == .regular else {
        throw SystemError("read", path, errno: EINVAL)
      }
      return try File.readAll(file.raw, limit: limit, shown: path)
    } catch {
      switch error.errno {
      case ENOENT, ENOTDIR: return nil
      case EFBIG:
        throw EngineError(.limitReached, doing, "\(path) is larger than \(limit >> 20) MiB")
      case EINVAL: throw EngineError(.invalidInput, doing, "\(path) is no regular file")
      default: throw error.engineError(doing)
      }
    }
  }

  /// A JSON file as an object, nil when it does not exist or is empty.
  static func readJSON(
    _ path: String, _ doing: String, limit: Int = limit
  ) throws(EngineError) -> JSONObject? {
    guard let bytes = try read(path, doing, limit: limit), !bytes.allSatisfy({ $0 <= 0x20 }) else { return nil }
    let json: JSON
    do throws(JSONSyntaxError) { json = try JSON(parsing: bytes) } catch {
      throw EngineError(.invalidInput, doing, "\(path) is no JSON: \(error.reason) at byte \(error.offset)")
    }
    guard case .object(let object) = json else {
      throw EngineError(.invalidInput, doing, "\(path) is no JSON object")
    }
    return object
  }

  /// Names in a directory in byte order; empty when it is not there or not ours to look at.
  static func names(in directory: String, _ doing: String) throws(EngineError) -> [String] {
    let entries: [DirectoryEntry]
    do throws(SystemError) {
      let opened = try File.openDirectory(directory, followLink: true)
      entries = try File.list(opened.raw, shown: directory)
    } catch {
      if [ENOENT, ENOTDIR, EACCES].contains(error.errno) { return [] }
      throw error.engineError(doing)
    }
    guard entries.count <= dropInLimit else {
      throw EngineError(.limitReached, doing, "\(directory) has more than \(dropInLimit) files")
    }
    return entries.map(\.name).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
