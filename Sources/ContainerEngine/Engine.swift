package import Basics
package import LinuxKernel
internal import Networking
package import Storage

/// The engine as one invocation of the program sees it: the user's state directory and, when a command needs it, the
/// user's own user namespace. One method per verb, each in a file of Operations/.
package final class Engine {
  package let account: Account
  package let directory: StateDirectory
  package let containers: ContainerStore
  package let images: ImageStore
  /// Manifest lists on their way to a registry.
  package var manifestLists: ManifestListStore { ManifestListStore(directory) }
  private var namespace = Namespace.outside
  private var pendingNamespace: PendingUserNamespace?
  private var knownMap: IDMap?
  /// Containers could write the file that this program runs from.
  private(set) var isBinaryExposed = true

  /// Of how many containers the monitor is looked at before a namespace is made.
  private static let monitorsAsked = 8

  /// Shows a sentence to the person at once.
  package var warn: (String) -> Void = { Log.note($0) }
  /// Descriptors of the caller's that containers were given.
  var passedDescriptors: Set<Int32> = []
  private var told: Set<String> = []

  /// Shows a sentence that several parts of one command may come upon.
  func tellOnce(_ sentence: String) {
    if told.insert(sentence).inserted { warn(sentence) }
  }

  private enum Namespace { case outside, entering, inside }

  /// Opens the state directory, which is made at first use.
  /// - Throws: `EngineError` that names a place which is not safe to use.
  package init(options: EngineOptions) throws(EngineError) {
    account = Account.current()
    directory = try StateDirectory(
      StateLocation.resolve(root: options.root, runRoot: options.runRoot, account: account))
    containers = ContainerStore(directory)
    images = ImageStore(directory)
  }

  /// True when containers get a user namespace: whenever the caller is not root.
  package var isRootless: Bool { account.uid != 0 }

  /// The ids the user has; as root all ids as they are.
  package func idMap() throws(EngineError) -> IDMap {
    guard isRootless else { return .host }
    if let knownMap { return knownMap }
    let map = try during("reading the subordinate ids of \(account.name ?? "uid \(account.uid)")") {
      try UserNamespace.map(for: account)
    }
    knownMap = map
    return map
  }

  /// Begins to enter the user's namespace; reading and making files of the user's own goes on meanwhile. Nothing happens
  /// for root, or when it was done before.
  /// - Parameter anyMap: also when the store's files were made with other ids, which is for their removal only.
  /// - Throws: `wrongState` when the user's subordinate ids are not those the store's files were made with.
  package func beginUserNamespace(anyMap: Bool = false) throws(EngineError) {
    guard isRootless, case .outside = namespace else { return }
    // Whose a directory is can be told only from outside, while all owners still show as themselves.
    _ = try directory.makeRunRoot()
    let map = try idMap()
    if !anyMap { try directory.check(map) }
    isBinaryExposed = BinaryExposure.isWritable(with: map)
    if try joinLivingNamespace(map) {
      namespace = .inside
      return
    }
    pendingNamespace = try UserNamespace.begin(map, account: account)
    namespace = .entering
  }

  /// Joins the namespace of the user's network process, whose rights over containers' networks end at it: they are made
  /// in it.
  /// - Throws: `wrongState` when that process was started with other subordinate ids.
  func joinNamespace(of process: ProcessIdentity, doing: String) throws(EngineError) {
    guard isRootless, case .outside = namespace else { return }
    _ = try directory.makeRunRoot()
    let map = try idMap()
    try directory.check(map)
    isBinaryExposed = BinaryExposure.isWritable(with: map)
    guard try UserNamespace.join(process, map, account: account) else {
      throw EngineError(
        .wrongState, doing, "the network process (pid \(process.pid)) is in a user namespace that cannot be joined",
        hint: "stop the containers that were started with other subordinate ids, or use --network none")
    }
    namespace = .inside
  }

  /// Joins the namespace that a living monitor of this user is in, if there is one with the right map.
  private func joinLivingNamespace(_ map: IDMap) throws(EngineError) -> Bool {
    guard !map.isSingle else { return false }
    // Containers on networks are in the one that a new network process needs.
    for network in NetworkProcess.survivors(directory).prefix(1)
    where try UserNamespace.join(network.monitor, map, account: account) { return true }
    for id in try containers.idsInRunRoot().prefix(Self.monitorsAsked) {
      // One whose state is damaged or that has just gone is not joined; whoever asks for it is told.
      guard let state = try? containers.state(id) else { continue }
      if try UserNamespace.join(state.monitor, map, account: account) { return true }
    }
    return false
  }

  /// Enters the user's namespace: after this the process is its root and owns all ids of its map. The process must have
  /// one thread.
  package func enterUserNamespace(anyMap: Bool = false) throws(EngineError) {
    try beginUserNamespace(anyMap: anyMap)
    guard case .entering = namespace, let pending = pendingNamespace.take() else { return }
    try pending.finish()
    namespace = .inside
  }
}
