package import Basics
internal import Glibc
internal import LinuxKernel
package import Storage

/// The networks: a file each in `networks/`.
package struct NetworkStore {
  package let directory: StateDirectory

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// All networks, in the order of their names.
  package func all() throws(EngineError) -> [NetworkRecord] {
    let root = directory.root.raw
    let names: [String] = try during("listing the networks") { () throws(SystemError) -> [String] in
      guard try File.exists(at: root, StatePath.networks) else { return [] }
      let opened = try File.openDirectory(at: root, StatePath.networks)
      return try File.list(opened.raw).map(\.name).filter { $0.hasSuffix(".json") }
    }
    var records: [NetworkRecord] = []
    for file in names.sorted() {
      if let record = try read(String(file.dropLast(".json".count))) { records.append(record) }
    }
    return records
  }

  private func read(_ name: String) throws(EngineError) -> NetworkRecord? {
    guard NetworkRecord.isName(name) else { return nil }
    let subject = "network \(name)"
    guard
      let fields = try RecordFile.read(
        at: directory.root.raw, StatePath.network(name), version: NetworkRecord.version, subject: subject)
    else { return nil }
    return try during("reading the record of \(subject)") { try NetworkRecord(fields) }
  }

  /// The network of that name; the default one is made when it is asked for first.
  package func record(named name: String) throws(EngineError) -> NetworkRecord? {
    if let found = try read(name) { return found }
    guard name == NetworkRecord.defaultName else { return nil }
    return try create(NetworkPlan(name: name), doing: "making the default network")
  }

  /// The network of that name, id, or beginning of an id.
  package func find(_ text: String, doing: String) throws(EngineError) -> NetworkRecord {
    if let exact = try record(named: text) { return exact }
    let matches = text.isEmpty ? [] : try all().filter { $0.id.hasPrefix(text) }
    switch matches.count {
    case 1: return matches[0]
    case 0:
      throw EngineError(
        .notFound, doing, "network \(safeText(text)) not found", hint: "dhow network create \(safeText(text))")
    default:
      throw EngineError(.invalidInput, doing, "network \(safeText(text)) is ambiguous (\(matches.count) matches found)")
    }
  }

  /// Makes a network. Two makers of one name or one subnet wait for each other, and the later is refused.
  package func create(_ plan: NetworkPlan, doing: String) throws(EngineError) -> NetworkRecord {
    try directory.prepare()
    let root = directory.root.raw
    let lock = try during(doing) {
      try File.ensureDirectory(at: root, StatePath.networks)
      return try FileLock.acquire(at: root, StatePath.lock("networks"))
    }
    defer { withExtendedLifetime(lock) {} }
    if let existing = try read(plan.name) {
      if existing.isDefault { return existing }
      throw EngineError(.alreadyExists, doing, "network with name \(plan.name) already exists")
    }
    let others = try all()
    let record = try plan.record(besides: others, doing: doing)
    try during(doing) {
      try RecordFile.write(record.json, at: root, StatePath.network(record.name), durable: true)
    }
    return record
  }

  package func remove(_ record: NetworkRecord, doing: String) throws(EngineError) {
    let root = directory.root.raw
    try during(doing) { try File.removeIfPresent(at: root, StatePath.network(record.name)) }
  }
}
