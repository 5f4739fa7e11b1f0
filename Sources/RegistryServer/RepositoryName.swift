package import OCI

/// How the names of the store and the repositories of the registry belong together.
///
/// What is pushed as `team/app` gets the store's name `localhost/team/app`, which `run team/app` finds. Served under a
/// path are, in this order when several have the tag: `localhost/PATH`, `docker.io/PATH` (without `library/`), and
/// `HOST:PORT/PATH`, the form in which images are named to be pushed to a registry such as this. Names of other
/// registries are served with their host: `quay.io/team/app`.
package enum RepositoryName {
  /// The grammar of the distribution specification, section "Pulling manifests".
  package static func isValid(_ name: String) -> Bool {
    guard !name.isEmpty, name.utf8.count <= 255 - 10 else { return false }
    return (try? Reference(parsing: "localhost/" + name))?.path == name
  }

  /// What the store calls a repository that is pushed.
  package static func pushed(_ repository: String) -> Reference? { try? Reference(parsing: "localhost/" + repository) }

  /// The repository under which a name of the store is served; nil when its host cannot be part of one.
  package static func served(_ reference: Reference) -> String? {
    switch rank(reference) {
    case 0, 2: return reference.path
    case 1: return reference.familiarName
    default:
      let name = reference.name
      return isValid(name) ? name : nil
    }
  }

  /// Which of several names with one repository and tag counts: the lowest.
  package static func rank(_ reference: Reference) -> Int {
    if reference.domain == "localhost" { return 0 }
    if reference.domain == Reference.defaultDomain { return 1 }
    return reference.domain.utf8.contains(UInt8(ascii: ":")) ? 2 : 3
  }
}
