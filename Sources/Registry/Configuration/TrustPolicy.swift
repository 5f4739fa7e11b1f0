package import Basics
package import OCI

/// Which images may be pulled: `~/.config/containers/policy.json`, else `/etc/containers/policy.json`
/// (containers-policy.json(5)). Without a file every image may.
///
/// Of the requirements, `insecureAcceptAnything` and `reject` are known; one that asks for a signature is not met by any
/// image, since this program cannot check one (SECURITY B18: fail closed).
package struct TrustPolicy: Sendable {
  private enum Requirement: Equatable {
    case acceptAnything, reject
    /// A type that asks for a signature.
    case signature(String)
  }

  private let path: String?
  private var general: [Requirement] = []
  /// Scopes of the `docker` transport; the empty one is the transport's default.
  private var scopes: [(name: String, requirements: [Requirement])] = []

  private static let doing = "reading the policy of images"
  private static let signatures = ["signedBy", "sigstoreSigned", "signedBaseLayer"]

  /// - Throws: `EngineError` for a file that is not exactly in the format: an unknown member could be a restriction.
  package init(_ environment: RegistryEnvironment) throws(EngineError) {
    let places = [
      environment.inHome(".config/containers/policy.json"), environment.system("/etc/containers/policy.json"),
    ]
    for place in places {
      guard let place, let bytes = try SettingsFile.read(place, Self.doing) else { continue }
      path = place
      do {
        try read(try JSON(parsing: bytes), place)
      } catch let error as JSONShapeError {
        throw EngineError(.invalidInput, Self.doing, safeText("\(error.path) \(error.reason)"))
      } catch let error as JSONSyntaxError {
        throw EngineError(.invalidInput, Self.doing, "\(place) is no JSON: \(error.reason) at byte \(error.offset)")
      } catch {
        throw EngineError(.internal, Self.doing, "\(error)")
      }
      return
    }
    path = nil
  }

  private mutating func read(_ json: JSON, _ place: String) throws(JSONShapeError) {
    let fields = try JSONFields(json, place)
    try Self.allow(["default", "transports"], fields)
    guard let value = fields.value("default") else { throw fields.failure("default", "is missing") }
    general = try Self.requirements(value, "\(place).default")
    guard let transports = try fields.fields("transports") else { return }
    for transport in transports.object.members {
      let table = try JSONFields(transport.value, "\(transports.path).\(transport.name)")
      try Self.refuseTwice(table)
      for scope in table.object.members {
        let found = try Self.requirements(scope.value, "\(table.path).\(scope.name)")
        if transport.name == "docker" { scopes.append((scope.name, found)) }
      }
    }
  }

  private static func requirements(_ json: JSON, _ path: String) throws(JSONShapeError) -> [Requirement] {
    guard case .array(let elements) = json, !elements.isEmpty else {
      throw JSONShapeError(path: path, reason: "is no array with an element")
    }
    var result: [Requirement] = []
    for element in elements {
      let fields = try JSONFields(element, path)
      let type = try fields.string("type")
      switch type {
      case "insecureAcceptAnything", "reject":
        try allow(["type"], fields)
        result.append(type == "reject" ? .reject : .acceptAnything)
      case _ where signatures.contains(type): result.append(.signature(type))
      default: throw fields.failure("type", "is \"\(type)\", which is not known")
      }
    }
    return result
  }

  /// The format is strict: other members, and one twice, make the whole file invalid.
  private static func allow(_ names: [String], _ fields: JSONFields) throws(JSONShapeError) {
    try refuseTwice(fields)
    for member in fields.object.members where !names.contains(member.name) {
      throw fields.failure(member.name, "is not known")
    }
  }

  private static func refuseTwice(_ fields: JSONFields) throws(JSONShapeError) {
    var seen = Set<String>()
    for member in fields.object.members where !seen.insert(member.name).inserted {
      throw fields.failure(member.name, "is there twice")
    }
  }

  /// Refuses an image that the policy does not let in. Asked with the name the user means, before anything is fetched.
  package func check(_ reference: Reference) throws(EngineError) {
    guard let path else { return }
    let doing = "pulling \(reference.familiar)"
    for requirement in requirements(for: reference) {
      switch requirement {
      case .acceptAnything: continue
      case .reject:
        throw EngineError(
          .denied, doing, "the policy of \(path) rejects this image",
          hint: "allow its scope there: \"\(reference.name)\": [{\"type\": \"insecureAcceptAnything\"}]")
      case .signature(let type):
        throw EngineError(
          .denied, doing, "the policy of \(path) asks for a signature (\(type)), which cannot be checked here yet",
          hint: "pull it with skopeo or podman into an archive, and load that")
      }
    }
  }

  /// The requirements of the most specific scope: the whole name, the repository, its namespaces, the host, wildcards of
  /// its domains, the transport, all.
  private func requirements(for reference: Reference) -> [Requirement] {
    for candidate in Self.identities(reference) {
      if let found = scopes.last(where: { $0.name == candidate }) { return found.requirements }
    }
    return general
  }

  static func identities(_ reference: Reference) -> [String] {
    let plain = reference.digest == nil ? reference.withDefaultTag : reference
    var result = [plain.digest.map { "\(plain.name)@\($0)" } ?? plain.description]
    var parts = reference.path.split(separator: "/")
    while !parts.isEmpty {
      result.append("\(reference.domain)/\(parts.joined(separator: "/"))")
      parts.removeLast()
    }
    result.append(reference.domain)
    var rest = reference.domain[...]
    while let dot = rest.firstIndex(of: ".") {
      rest = rest[rest.index(after: dot)...]
      result.append("*.\(rest)")
    }
    return result + [""]
  }
}
