/// An error of a lower layer that knows how to tell a person about itself once it is known what was being done.
package protocol ExplainedError: Error {
  func engineError(_ doing: String) -> EngineError
}
