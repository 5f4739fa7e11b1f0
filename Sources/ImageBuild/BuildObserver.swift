/// One step of a build as people see it.
package struct BuildStepInfo: Sendable {
  /// In the order in which steps are begun, from 1.
  package var id: Int
  /// `[builder 2/5] RUN make`, or `[internal] load build context`.
  package var title: String

  package init(id: Int, title: String) {
    self.id = id
    self.title = title
  }
}

package enum BuildStepOutcome: Sendable, Equatable {
  case done, cached
  case failed(String)
  case canceled
}

/// Is told what a build does. Called in the one thread of the build.
package protocol BuildObserver: AnyObject {
  func begin(_ step: BuildStepInfo)
  /// What the program of a RUN wrote.
  func output(_ id: Int, _ bytes: ArraySlice<UInt8>)
  /// A line about how a step goes on.
  func note(_ id: Int, _ line: String)
  /// - Parameter nanoseconds: how long it took.
  func end(_ id: Int, _ outcome: BuildStepOutcome, nanoseconds: Int64)
  func warn(_ sentence: String)
  /// Some time has passed: what shows clocks shows them anew.
  func tick()
}
