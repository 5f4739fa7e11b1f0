package import Basics
internal import Networking
internal import Storage

extension Engine {
  /// Gives a container another name.
  package func renameContainer(_ name: String, to newName: String) throws(EngineError) {
    let doing = "renaming \(safeText(name))"
    guard Identifier.isName(newName) else {
      throw EngineError(
        .invalidInput, doing,
        "Invalid container name (\(safeText(newName))), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    }
    let id = try containers.find(name, doing: doing)
    let lock = try containers.lock(id, doing: doing)
    guard let record = try containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(name))")
    }
    guard record.name != newName else {
      throw EngineError(.invalidInput, doing, "Renaming a container with the same name as its current name")
    }
    // Names follow where the container runs; a network process that comes later reads them of the container's own file.
    if var network = try containerNetwork(id) {
      network.name = newName
      try write(network)
      if let client = try NetworkClient.connect(directory) { try client.rename(id, to: newName) }
    }
    note("rename", try containers.rename(record, to: newName), [("oldName", record.name)])
    _ = lock
  }

  package func containerExists(_ name: String) throws(EngineError) -> Bool {
    do throws(EngineError) {
      _ = try containers.find(name, doing: "looking for \(safeText(name))")
      return true
    } catch {
      if error.kind == .notFound { return false }
      throw error
    }
  }
}
