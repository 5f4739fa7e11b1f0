package import Basics
internal import Glibc
internal import LinuxKernel
internal import Networking
internal import OCI
internal import Storage

/// The lock of a container while it is changed; let go of when the value goes, or before.
final class HeldLock {
  private var lock: StoreLock?

  init(_ lock: consuming StoreLock) { self.lock = consume lock }

  func release() { lock = nil }
}

/// A container that was just made and that nobody else can change yet.
struct MadeContainer {
  var record: ContainerRecord
  var lock: HeldLock
  var warnings: [String]
}

extension Engine {
  /// Makes a container that does not run yet.
  /// - Parameter observer: shows the pull of an image that is not there.
  package func createContainer(
    _ request: ContainerRequest, observer: () -> any TransferObserver
  ) throws(EngineError) -> CreatedContainer {
    try provideImage(request, observer: observer)
    try replace(request)
    let made = try makeContainer(request)
    made.lock.release()
    try GarbageCollector(directory).sweep()
    return CreatedContainer(id: made.record.id, name: made.record.name, warnings: made.warnings)
  }

  /// Attempts at a random name that nobody has.
  private static let nameAttempts = 20

  func makeContainer(_ request: ContainerRequest) throws(EngineError) -> MadeContainer {
    let doing = "creating \(request.name.map { safeText($0) } ?? "a container")"
    if let name = request.name, !Identifier.isName(name) {
      throw EngineError(
        .invalidInput, doing,
        "Invalid container name (\(safeText(name))), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    }
    let required = try request.settings.requires.map { (name) throws(EngineError) in
      try containers.find(name, doing: doing)
    }
    let idFile = try request.idFile.map { (path) throws(EngineError) in try IDFile(path, doing: doing) }
    try directory.prepare()
    let content = try StoreLock.acquire(.content, in: directory, shared: true)
    let image = try request.settings.rootDirectory == nil ? findImage(request, doing: doing) : nil
    let defaults = image?.config.defaults ?? ContainerDefaults()
    let command = commandLine(request.settings, defaults)
    guard !command.isEmpty else {
      throw EngineError(
        .invalidInput, doing, "no command specified",
        hint: "the image has neither CMD nor ENTRYPOINT: name a program after the image")
    }
    var settings = try resolved(request.settings, doing: doing)
    settings.mounts = try planVolumes(request, defaults, doing: doing)
    let draft = try containers.draft(removesItself: request.settings.autoRemove)
    let name = try claimName(request.name, draft)
    try makeLayerDirectories(draft)
    var record = ContainerRecord(
      id: draft.id, name: name, created: .now, image: request.image, imageID: image?.id, manifest: image?.manifest,
      platform: image?.config.platform, layers: image?.config.diffIDs ?? [], defaults: defaults,
      settings: settings, command: command)
    record.settings.requires = required
    let lock = HeldLock(try draft.publish(record))
    _ = consume content
    do throws(EngineError) { try provideVolumes(of: record) } catch {
      // A container that cannot have its volumes is none; what stays of it after a second failure the user can remove.
      try? containers.remove(record.id, name: record.name)
      removeAnonymousVolumes(of: record)
      throw error
    }
    try idFile?.write(record.id)
    note("create", record)
    return MadeContainer(record: record, lock: lock, warnings: [])
  }

  /// With networks by their names and linked containers by their ids.
  private func resolved(_ settings: ContainerSettings, doing: String) throws(EngineError) -> ContainerSettings {
    var settings = settings
    for index in settings.networks.indices {
      let found = try networks.find(settings.networks[index].network, doing: doing)
      settings.networks[index].network = found.name
    }
    if let first = settings.networks.first {
      settings.network = first.network
      if let clash = settings.networks.first(where: { one in settings.networks.count { $0.network == one.network } > 1 }
      ) {
        throw EngineError(.usage, doing, "network \(clash.network) is specified multiple times")
      }
    }
    for index in settings.links.indices {
      settings.links[index].0 = try containers.find(settings.links[index].0, doing: doing)
    }
    return settings
  }

  /// The directories overlay writes into. What it shows of `/` is the upper directory's owner and mode.
  func makeLayerDirectories(_ draft: ContainerDraft) throws(EngineError) {
    try during("making a container's directories") {
      try File.makeDirectory(at: draft.descriptor, StatePath.ContainerFile.upper, mode: 0o755)
      try systemCall("chmod", "upper") { fchmodat(draft.descriptor, StatePath.ContainerFile.upper, 0o755, 0) }
      try File.makeDirectory(at: draft.descriptor, StatePath.ContainerFile.work, mode: 0o700)
    }
  }

  /// ENTRYPOINT and CMD merged with what the user gave, by docker's rules: an entry point of the user's own also drops
  /// the image's CMD.
  private func commandLine(_ settings: ContainerSettings, _ defaults: ContainerDefaults) -> [String] {
    let arguments = settings.command ?? (settings.entrypoint == nil ? defaults.command ?? [] : [])
    return (settings.entrypoint ?? defaults.entrypoint ?? []) + arguments
  }

  private func claimName(_ wanted: String?, _ draft: ContainerDraft) throws(EngineError) -> String {
    if let wanted {
      try draft.claim(wanted)
      return wanted
    }
    for attempt in 0..<Self.nameAttempts {
      let name = RandomName.make(attempt: attempt)
      do throws(EngineError) {
        try draft.claim(name)
        return name
      } catch {
        if error.kind != .alreadyExists { throw error }
      }
    }
    let name = "container_" + Identifier.short(draft.id)
    try draft.claim(name)
    return name
  }
}

/// `--cidfile`: made before anything else so that nobody else's is overwritten, and removed again when there is no
/// container to name.
private final class IDFile {
  private let path: String
  private let file: OwnedDescriptor
  private var isWritten = false

  init(_ path: String, doing: String) throws(EngineError) {
    self.path = path
    do throws(SystemError) { file = try File.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644) } catch {
      if error.errno == EEXIST {
        throw EngineError(
          .alreadyExists, doing,
          "container ID file found, make sure the other container isn't running or delete \(safeText(path))")
      }
      throw error.engineError(doing)
    }
  }

  deinit {
    // An empty file without a container is of no use to anybody; a failure to remove it is not worth an error of its own.
    if !isWritten { try? File.remove(path) }
  }

  func write(_ id: String) throws(EngineError) {
    try during("writing \(safeText(path))") { try File.writeAll(file.raw, Array(id.utf8), shown: path) }
    isWritten = true
  }
}
