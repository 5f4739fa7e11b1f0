package import Basics
internal import CLinux
internal import Glibc
package import LinuxKernel

/// Something that happened to a container or an image, in docker's words.
package struct Event: Equatable, Sendable {
  package var time: Timestamp
  /// `container` or `image`.
  package var type: String
  /// `create`, `start`, `die`, `tag`, …
  package var action: String
  /// Of the container, or the image's name or id.
  package var id: String
  package var attributes: [(String, String)]

  package init(
    time: Timestamp = .now, type: String, action: String, id: String, attributes: [(String, String)] = []
  ) {
    self.time = time
    self.type = type
    self.action = action
    self.id = id
    self.attributes = attributes
  }

  package static func == (a: Event, b: Event) -> Bool { a.json.bytes() == b.json.bytes() }

  fileprivate var json: JSON {
    var builder = JSONBuilder()
    builder.set("time", time.nanoseconds)
    builder.set("type", type)
    builder.set("action", action)
    builder.set("id", id)
    builder.set("attributes", JSON(attributes.map { ($0.0, $0.1) }))
    return builder.json
  }

  /// Nil for a line that is none: what was cut by a power cut or a full disk.
  fileprivate init?(line: ArraySlice<UInt8>) {
    guard let fields = try? JSONFields(try JSON(parsing: Array(line)), "event"), let time = try? fields.integer("time"),
      let type = try? fields.string("type"), let action = try? fields.string("action"),
      let id = try? fields.string("id")
    else { return nil }
    let members = fields.value("attributes")?.objectValue?.members ?? []
    self.init(
      time: Timestamp(nanoseconds: time), type: type, action: action, id: id,
      attributes: members.map { ($0.name, $0.value.stringValue ?? "") })
  }
}

/// What happened, a line each, in two files of bounded size: readable with nothing running. Whoever does something appends
/// to it by one write(2), which the kernel does not mix with others'; nothing is made durable.
package struct EventLog {
  private let directory: StateDirectory
  /// Bytes of a file from which on the next one is begun; the one before is kept.
  private static let fileLimit: Int64 = 2 << 20
  /// Bytes of a line; of a longer one the attributes but the first are left out.
  private static let lineLimit = 16 << 10

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// Appends events. There is nobody to tell of a failure: what happened has happened.
  package func append(_ events: Event...) {
    var lines: [UInt8] = []
    for event in events {
      var line = event.json.bytes()
      if line.count > Self.lineLimit {
        var short = event
        short.action = String(event.action.prefix(512))
        short.attributes = Array(event.attributes.prefix(2).map { ($0.0, String($0.1.prefix(512))) })
        line = short.json.bytes()
      }
      lines += line + [UInt8(ascii: "\n")]
    }
    let file = openat(
      directory.root.raw, StatePath.events, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { return }
    defer { close(file) }
    guard write(file, lines, lines.count) == lines.count else { return }
    if lseek(file, 0, SEEK_CUR) > Self.fileLimit { begin(after: file) }
  }

  /// Keeps the full file under its other name. One process does it, and only while the file is still the full one.
  private func begin(after file: Int32) {
    // Whoever comes too late finds it done.
    guard let lock = try? FileLock.attempt(at: directory.root.raw, StatePath.lock("events")) else { return }
    defer { withExtendedLifetime(lock) {} }
    guard let full = try? File.status(file), let now = try? File.status(at: directory.root.raw, StatePath.events),
      full.inode == now.inode, full.device == now.device
    else { return }
    _ = renameat(directory.root.raw, StatePath.events, directory.root.raw, StatePath.eventsBefore)
  }
}

/// Reads the events there are, and those that come.
package final class EventReader {
  private let directory: StateDirectory
  private var file: OwnedDescriptor?
  private var rest: [UInt8] = []

  package init(_ directory: StateDirectory) { self.directory = directory }

  /// All that are kept, the oldest first. Later calls answer what has come since.
  package func next() throws(EngineError) -> [Event] {
    try during("reading the events") {
      var events: [Event] = []
      if file == nil {
        if let before = try open(StatePath.eventsBefore) { events += try read(before.raw) }
        rest = []
        file = try open(StatePath.events)
      }
      guard let raw = file?.raw else { return events }
      events += try read(raw)
      // Another file in its place: what came last into this one has been read now.
      if let now = try? File.status(at: directory.root.raw, StatePath.events), try File.status(raw).inode != now.inode {
        events += try read(raw)
        rest = []
        file = try open(StatePath.events)
        if let raw = file?.raw { events += try read(raw) }
      }
      return events
    }
  }

  private func open(_ path: String) throws(SystemError) -> OwnedDescriptor? {
    do throws(SystemError) { return try File.open(at: directory.root.raw, path, O_RDONLY | O_NOFOLLOW) } catch {
      if error.errno == ENOENT { return nil }
      throw error
    }
  }

  private func read(_ descriptor: Int32) throws(SystemError) -> [Event] {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = try systemCall("read", "the events") { Glibc.read(descriptor, &buffer, buffer.count) }
      if count == 0 { break }
      rest.append(contentsOf: buffer[..<count])
    }
    guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
    let events = rest[..<end].split(separator: UInt8(ascii: "\n")).compactMap { Event(line: $0) }
    rest.removeSubrange(...end)
    return events
  }
}
