internal import Basics
internal import ImageBuild

extension Engine {
  /// Fetches what ADD names by a URL.
  func fetchForBuild(_ url: String, into directory: Int32) throws(EngineError) -> BuildHost.FetchedFile {
    throw EngineError(
      .unsupported, "fetching \(safeText(url))", "ADD of a URL is not supported yet", hint: "RUN wget, or curl")
  }
}
