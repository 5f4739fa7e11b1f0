package import Basics

private let pending = EngineError(.unsupported, "working", "this verb is being written")

extension Engine {
  /// The newest first, without `all` only those that run; a container with a damaged record is listed as such.
  package func listContainers(all: Bool, sizes: Bool) throws(EngineError) -> [ContainerSummary] { throw pending }

  /// Writes the log straight to descriptors 1 and 2. With `follow` it returns when the container ends.
  package func readLogs(_ name: String, _ request: LogRequest) throws(EngineError) { throw pending }

  /// Removes stopped containers; `accepts` decides for each.
  package func pruneContainers(_ accepts: (ContainerSummary) -> Bool) throws(EngineError) -> PruneReport { throw pending }

  /// A tar of the container's whole file system, whiteouts resolved and without the engine's own files.
  package func exportContainer(_ name: String, to descriptor: Int32) throws(EngineError) { throw pending }

  /// The newest first.
  package func listImages() throws(EngineError) -> [ImageSummary] { throw pending }

  package func inspectImage(_ name: String) throws(EngineError) -> JSON { throw pending }

  package func imageExists(_ name: String) throws(EngineError) -> Bool { throw pending }

  package func imageHistory(_ name: String) throws(EngineError) -> [HistoryRow] { throw pending }

  package func tagImage(_ name: String, as newName: String) throws(EngineError) { throw pending }

  /// Takes names away and keeps the image; without `names` all of the image's.
  package func untagImage(_ name: String, names: [String]) throws(EngineError) { throw pending }

  package func removeImage(_ name: String, force: Bool) throws(EngineError) -> [ImageRemoval] { throw pending }

  /// Removes dangling images, with `all` every image without a container; `accepts` decides for each.
  package func pruneImages(all: Bool, _ accepts: (ImageSummary) -> Bool) throws(EngineError) -> PruneReport {
    throw pending
  }

  /// The names loaded, such as `busybox:latest`, or `sha256:…` for an image without one.
  package func loadImages(_ source: ArchiveSource, platform: String?) throws(EngineError) -> [String] { throw pending }

  package func saveImages(
    _ names: [String], layout: ArchiveLayout, platform: String?, to descriptor: Int32
  ) throws(EngineError) { throw pending }

  /// The new image's id, `sha256:…`.
  package func importImage(_ request: ImportRequest) throws(EngineError) -> String { throw pending }

  /// docker's `info`.
  package func information() throws(EngineError) -> JSON { throw pending }

  /// What is wrong with the store, one sentence each; with `repair` what was done about it.
  package func checkStore(repair: Bool) throws(EngineError) -> [String] { throw pending }

  /// Removes everything: containers, images, volumes, the state directory itself.
  package func resetStore() throws(EngineError) { throw pending }
}
