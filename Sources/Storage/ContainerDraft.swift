package import Basics
internal import Glibc
import LinuxKernel

/// A container in the making: a staging directory named by its id, which becomes `containers/ID` by one rename. Until then
/// nobody sees it, except that its name is taken.
///
/// The directory of a container that removes itself has the sticky bit. Such a container is not made durable, so that
/// after a power cut its record may be empty; the bit is in the inode, which the rename carries, and says that what is
/// left of the container can go.
package final class ContainerDraft {
  private let directory: StateDirectory
  private let area: StagingArea
  private let removesItself: Bool
  private var claimedName: String?
  private var isPublished = false

  package let id: String
  /// The container's directory, for its spec and its upper and work directories.
  package var descriptor: Int32 { area.descriptor.raw }

  static let ordinaryMode: UInt32 = 0o700
  static let ephemeralMode: UInt32 = 0o1700

  init(id: String, removesItself: Bool, in directory: StateDirectory) throws(EngineError) {
    self.id = id
    self.removesItself = removesItself
    self.directory = directory
    area = try StagingArea(
      in: directory, name: id, mode: removesItself ? Self.ephemeralMode : Self.ordinaryMode)
  }

  deinit {
    guard !isPublished, let claimedName else { return }
    // A name without its container is stale and taken over by whoever wants it next.
    try? ContainerNames(directory).release(claimedName, of: id)
  }

  /// Takes a name for this container.
  /// - Throws: `alreadyExists` in docker's words when another container has it.
  package func claim(_ name: String) throws(EngineError) {
    try ContainerNames(directory).claim(name, for: id)
    claimedName = name
  }

  /// Writes the record and publishes the container.
  ///
  /// The caller holds the `content` lock, at least shared, since it looked at the image: until now nothing kept the
  /// image's layers from being removed.
  /// - Returns: the container's lock, which this process has held since the container was begun.
  package func publish(_ record: ContainerRecord) throws(EngineError) -> StoreLock {
    precondition(record.id == id && record.name == claimedName, "a record is published under its own id and name")
    let durable = !removesItself
    try during("creating container \(record.name)") {
      try RecordFile.create(record.json, at: descriptor, StatePath.ContainerFile.record, durable: durable)
      if durable { try File.sync(descriptor) }
      try faultPoint("store.container.staged")
      let path = StatePath.container(id)
      try File.renameWithoutReplacing(at: directory.root.raw, StatePath.staging(id), to: directory.root.raw, path)
      isPublished = true
      try faultPoint("store.container.published")
      if durable {
        try RecordFile.syncParent(of: path, at: directory.root.raw)
        try RecordFile.syncParent(of: StatePath.name(record.name), at: directory.root.raw)
      }
    }
    return StoreLock(adopting: area.release(), of: id, in: directory)
  }
}
