/// One layer or document on its way from or to a registry, as a person sees it.
package struct TransferItem: Equatable, Sendable {
  /// The first digits of the digest.
  package var id: String
  package var phase: TransferPhase
  /// Bytes done in this phase.
  package var current: Int64
  /// Bytes of the whole; 0 when nobody knows.
  package var total: Int64

  package init(id: String, phase: TransferPhase, current: Int64 = 0, total: Int64 = 0) {
    self.id = id
    self.phase = phase
    self.current = current
    self.total = total
  }
}

/// What happens to a layer. The words for it are the command line's.
package enum TransferPhase: Int64, Equatable, Sendable, CaseIterable {
  /// Known to be needed, nobody is at it yet.
  case preparing
  case waiting
  case downloading
  /// The connection was lost; a moment later it goes on.
  case retrying
  case verifying
  case downloaded
  case extracting
  case pulled
  case alreadyThere
  case compressing
  case pushing
  case pushed
  case alreadyPushed
  /// Another repository of the registry had it.
  case mounted

  /// Whether nothing more will happen to it.
  package var isFinal: Bool {
    switch self {
    case .pulled, .alreadyThere, .pushed, .alreadyPushed, .mounted: true
    default: false
    }
  }
}

/// Whoever shows a transfer to a person. Called by the process that leads the transfer, from its one thread.
package protocol TransferObserver: AnyObject {
  /// A sentence of its own, such as `latest: Pulling from library/busybox`; safe to show.
  func say(_ sentence: String)
  /// How things stand, several times a second.
  func show(_ items: [TransferItem])
  /// Nothing more will change in what was shown.
  func end()
}
