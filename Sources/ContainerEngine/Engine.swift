package import Basics
package import LinuxKernel

/// The engine as one invocation of the program sees it: the user's state directory and, when a command needs it, the
/// user's own user namespace. One method per verb, each in a file of Operations/.
package final class Engine {
  package let options: EngineOptions
  package let account: Account

  /// Opens the state directory; made at first use.
  package init(options: EngineOptions) throws(EngineError) {
    self.options = options
    account = Account.current()
  }
}
