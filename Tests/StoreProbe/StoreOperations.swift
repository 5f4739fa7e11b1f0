import Basics
import LinuxKernel
import OCI
package import Storage

/// One change of a store, by its name.
package func perform(_ operation: String, _ store: StateDirectory, name: String = "web") throws {
  let images = ImageStore(store)
  let containers = ContainerStore(store)
  switch operation {
  case "prepare": try store.prepare()
  case "add-image": try store.addImage("app", layers: ["a", "b"])
  case "tag": try images.tag(try images.find("app", doing: "tagging").image, as: try Reference(parsing: "app:2"))
  case "untag": try images.untag(try Reference(parsing: "app:latest"))
  case "remove-image":
    try images.remove([try images.find("app", doing: "removing").image.manifest.digest])
    _ = try GarbageCollector(store).collect()
  case "create": try store.makeContainer("web", layers: [digest("a")])
  case "create-and-sweep":
    try store.makeContainer(name, layers: [digest("a")])
    try GarbageCollector(store).sweep()
  case "create-ephemeral": try store.makeContainer("web", layers: [digest("a")], removesItself: true)
  case "rename":
    let id = try containers.find("web", doing: "renaming")
    let lock = try containers.lock(id, doing: "renaming")
    defer { withExtendedLifetime(lock) {} }
    guard let record = try containers.record(id) else { throw EngineError(.internal, operation, "no record") }
    _ = try containers.rename(record, to: "site")
  case "run-and-end": try runAndEnd(try containers.find("web", doing: "starting"), containers)
  case "remove":
    let id = try containers.find("web", doing: "removing")
    let lock = try containers.lock(id, doing: "removing")
    defer { withExtendedLifetime(lock) {} }
    try containers.remove(id, name: "web")
    if let failure = try Trash(store).empty() { throw failure }
  case "add-volume": _ = try VolumeStore(store).create(VolumeRecord(name: "data", created: .now))
  case "sweep": try GarbageCollector(store).sweep()
  default: throw EngineError(.usage, operation, "no such operation")
  }
}

/// The records of one run, in the monitor's order.
private func runAndEnd(_ id: String, _ containers: ContainerStore) throws {
  guard let me = ProcessIdentity.current else { throw EngineError(.internal, "running", "no process") }
  let lock = try containers.monitorLock(id)
  defer { withExtendedLifetime(lock) {} }
  let startedAt = Timestamp.now
  let boot = try containers.directory.bootID()
  try containers.write(
    StartRecord(bootID: boot, monitor: me, program: me, startedAt: startedAt), of: id, durable: true)
  try containers.write(
    ContainerState(bootID: boot, monitor: me, program: me, phase: .running, startedAt: startedAt), of: id)
  try containers.write(ExitRecord(code: 7, startedAt: startedAt, finishedAt: .now), of: id, durable: true)
  try containers.removeState(of: id)
}
