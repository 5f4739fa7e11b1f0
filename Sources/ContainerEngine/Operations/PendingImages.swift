package import Basics

private let pending = EngineError(.unsupported, "working", "this verb is being written")

extension Engine {
  /// A tar of the container's whole file system, whiteouts resolved and without the engine's own files.
  package func exportContainer(_ name: String, to descriptor: Int32) throws(EngineError) { throw pending }

  /// The names loaded, such as `busybox:latest`, or `sha256:…` for an image without one.
  package func loadImages(_ source: ArchiveSource, platform: String?) throws(EngineError) -> [String] { throw pending }

  package func saveImages(
    _ names: [String], layout: ArchiveLayout, platform: String?, to descriptor: Int32
  ) throws(EngineError) { throw pending }

  /// The new image's id, `sha256:…`.
  package func importImage(_ request: ImportRequest) throws(EngineError) -> String { throw pending }
}
