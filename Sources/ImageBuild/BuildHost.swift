package import Basics
package import LayerArchive
package import OCI
package import Runtime
package import Storage

/// What a build needs of the engine around it.
package struct BuildHost {
  package var directory: StateDirectory
  package var isRootless: Bool
  /// Enters the user's namespace and proves that layers can be made; called once, before the first step that is not
  /// cached.
  package var prepare: () throws(EngineError) -> Void
  package var idMap: () throws(EngineError) -> ContainerIDMap
  package var hidesBinary: () -> Bool
  package var layerOptions: () throws(EngineError) -> LayerExtractor.Options
  /// Finds an image, or pulls it.
  package var base: (String, Platform?) throws(EngineError) -> BuildBase
  /// Writes `hosts`, `hostname` and `resolv.conf` into a directory.
  package var writeRuntimeFiles: (ContainerSettings, Int32) throws(EngineError) -> Void
  /// Fetches a URL into a file of a directory. Answers its name, and its time when the server says one.
  package var fetch: (String, Int32) throws(EngineError) -> FetchedFile

  package struct FetchedFile: Sendable {
    package var name: String
    package var modified: Timestamp?

    package init(name: String, modified: Timestamp?) {
      self.name = name
      self.modified = modified
    }
  }

  package init(
    directory: StateDirectory, isRootless: Bool, prepare: @escaping () throws(EngineError) -> Void,
    idMap: @escaping () throws(EngineError) -> ContainerIDMap, hidesBinary: @escaping () -> Bool,
    layerOptions: @escaping () throws(EngineError) -> LayerExtractor.Options,
    base: @escaping (String, Platform?) throws(EngineError) -> BuildBase,
    writeRuntimeFiles: @escaping (ContainerSettings, Int32) throws(EngineError) -> Void,
    fetch: @escaping (String, Int32) throws(EngineError) -> FetchedFile
  ) {
    self.directory = directory
    self.isRootless = isRootless
    self.prepare = prepare
    self.idMap = idMap
    self.hidesBinary = hidesBinary
    self.layerOptions = layerOptions
    self.base = base
    self.writeRuntimeFiles = writeRuntimeFiles
    self.fetch = fetch
  }
}
