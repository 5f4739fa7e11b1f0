package import Basics
internal import Glibc
internal import LinuxKernel
package import OCI

/// A manifest list that somebody puts together here, on its way to a registry: no image yet.
package struct ManifestList: Equatable, Sendable {
  static let version: Int64 = 1

  package var name: Reference
  package var index: ImageIndex
  /// Where the content of a listed manifest is when not all of it is in the store: its repository.
  package var sources: [Digest: Reference]

  package init(name: Reference, index: ImageIndex = ImageIndex(manifests: []), sources: [Digest: Reference] = [:]) {
    self.name = name
    self.index = index
    self.sources = sources
  }

  init(_ fields: JSONFields) throws {
    name = try Reference(parsing: try fields.string("name"))
    guard
      case .index(let index) = try ManifestDocument(
        parsing: (fields.value("index") ?? .null).bytes(), declared: nil)
    else { throw fields.failure("index", "is no index") }
    self.index = index
    sources = [:]
    for (digest, source) in try fields.pairs("sources") {
      sources[try Digest(parsing: digest)] = try Reference(parsing: source)
    }
  }

  var json: JSON {
    var builder = JSONBuilder()
    builder.set("version", Self.version)
    builder.set("name", name.description)
    builder.set("index", index.json)
    builder.set("sources", sources.map { ($0.key.description, $0.value.description) }.sorted { $0.0 < $1.0 })
    return builder.json
  }
}

/// The manifest lists that are being put together, a file each. Readers take no lock; changes are made under the exclusive
/// `content` lock, since what a list refers to is not garbage.
package struct ManifestListStore {
  package let directory: StateDirectory

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// A name may have bytes that no file name has: the file is named by its digest.
  private static func path(_ name: Reference) -> String {
    StatePath.manifestList(SHA256Stream.hex(Array(name.description.utf8)))
  }

  /// The list with that name exactly, nil when there is none.
  package func list(named name: Reference) throws(EngineError) -> ManifestList? {
    try read(Self.path(name), "manifest list \(name.familiar)")
  }

  private func read(_ path: String, _ subject: String) throws(EngineError) -> ManifestList? {
    guard
      let fields = try RecordFile.read(
        at: directory.root.raw, path, version: ManifestList.version, subject: subject)
    else { return nil }
    return try during("reading \(subject)") { try ManifestList(fields) }
  }

  /// All lists, by name.
  package func all() throws(EngineError) -> [ManifestList] {
    let entries = try during("listing the manifest lists") {
      try File.listIfPresent(at: directory.root.raw, StatePath.manifestLists)
    }
    var result: [ManifestList] = []
    for entry in entries where entry.name.hasSuffix(".json") {
      if let list = try read("\(StatePath.manifestLists)/\(entry.name)", "a manifest list") { result.append(list) }
    }
    return result.sorted { $0.name.description < $1.name.description }
  }

  /// Changes a list, which is nil when there is none of that name; nil afterwards removes it.
  @discardableResult
  package func change<Value>(
    _ name: Reference, _ body: (inout ManifestList?) throws(EngineError) -> Value
  ) throws(EngineError) -> Value {
    try directory.prepare()
    let lock = try StoreLock.acquire(.content, in: directory)
    defer { withExtendedLifetime(lock) {} }
    var list = try list(named: name)
    let before = list
    let value = try body(&list)
    if list == before { return value }
    try during("writing manifest list \(name.familiar)") {
      if let list {
        try File.ensureDirectory(at: directory.root.raw, StatePath.manifestLists)
        try RecordFile.write(list.json, at: directory.root.raw, Self.path(name), durable: true)
      } else {
        try File.removeIfPresent(at: directory.root.raw, Self.path(name))
      }
    }
    return value
  }
}
