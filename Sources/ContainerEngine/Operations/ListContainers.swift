package import Basics
package import Storage

/// A row of `ps`.
package struct ContainerListing: Sendable {
  package var record: ContainerRecord
  package var status: ContainerStatus

  package init(record: ContainerRecord, status: ContainerStatus) {
    self.record = record
    self.status = status
  }
}

extension Engine {
  /// The containers, newest first; without `all` only those that run.
  /// - Parameter damaged: called for each container whose record cannot be read; the others are listed all the same.
  package func listContainers(
    all: Bool, damaged: (EngineError) -> Void
  ) throws(EngineError) -> [ContainerListing] {
    let ids = all ? try containers.ids() : try containers.idsInRunRoot()
    var listings: [ContainerListing] = []
    listings.reserveCapacity(ids.count)
    for id in ids {
      do throws(EngineError) {
        let status = try containers.status(of: id)
        guard all || status.isRunning, let record = try containers.record(id) else { continue }
        listings.append(ContainerListing(record: record, status: status))
      } catch { damaged(error) }
    }
    listings.sort { ($0.record.created, $0.record.id) > ($1.record.created, $1.record.id) }
    return listings
  }
}
