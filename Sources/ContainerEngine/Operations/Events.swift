package import Basics
internal import Glibc
internal import OCI
package import Storage

/// Which events are wanted.
package struct EventRequest: Sendable {
  /// Nil is from now on.
  package var since: Timestamp?
  /// Nil is until the caller ends.
  package var until: Timestamp?
  /// Wait for those that come.
  package var follows = true

  package init() {}
}

extension Engine {
  /// Microseconds between two looks for events that come.
  private static let eventPause: UInt32 = 50_000

  /// Hands over events in the order in which they happened; ends when `body` answers false or the time is over.
  package func readEvents(_ request: EventRequest, _ body: ([Event]) throws -> Bool) throws {
    let reader = EventReader(directory)
    let since = request.since ?? .now
    while true {
      let events = try reader.next().filter { event in
        event.time >= since && (request.until.map { event.time <= $0 } ?? true)
      }
      guard try body(events) else { return }
      if !request.follows { return }
      if let until = request.until, until < .now { return }
      usleep(Self.eventPause)
    }
  }

  /// Notes what happened to a container.
  func note(_ action: String, _ record: ContainerRecord, _ more: [(String, String)] = []) {
    EventLog(directory).append(event(action, record, more))
  }

  /// What happened to a container, to be noted; now is when.
  func event(_ action: String, _ record: ContainerRecord, _ more: [(String, String)] = []) -> Event {
    var attributes = [("image", record.image), ("name", record.name)] + more
    for label in record.defaults.labels + record.settings.labels {
      attributes.removeAll { $0.0 == label.0 && $0.0 != "image" && $0.0 != "name" }
      if !attributes.contains(where: { $0.0 == label.0 }) { attributes.append(label) }
    }
    return Event(type: "container", action: action, id: record.id, attributes: attributes)
  }

  /// The same by the container's id; one that is gone or damaged has nothing to tell.
  func note(_ action: String, container id: String, _ more: [(String, String)] = []) {
    guard let record = try? containers.record(id) else { return }
    note(action, record, more)
  }

  /// Notes that an image came from a registry or went to one, in docker's form: by its name.
  /// - Parameter name: normalized.
  func noteTransfer(_ action: String, of name: String) {
    guard let reference = try? Reference(parsing: name) else { return }  // Only names come here.
    note(action, image: reference.familiar, name: reference.familiarName)
  }

  /// The same by what a person calls it.
  func note(_ action: String, containerNamed name: String, _ more: [(String, String)] = []) {
    if let id = try? containers.find(name, doing: "") { note(action, container: id, more) }
  }

  /// Notes what happened to an image.
  func note(_ action: String, image id: String, name: String?) {
    EventLog(directory).append(
      Event(type: "image", action: action, id: id, attributes: name.map { [("name", $0)] } ?? []))
  }
}
