internal import Glibc

/// A file descriptor with one owner: closed when its owner goes, and not usable afterwards.
package struct OwnedDescriptor: ~Copyable, Sendable {
  /// The number, for calls that borrow it.
  package let raw: Int32

  /// Takes over an open descriptor.
  package init(owning raw: Int32) { self.raw = raw }

  deinit { close(raw) }

  /// Gives the descriptor away; the receiver closes it.
  package consuming func take() -> Int32 {
    let raw = self.raw
    discard self
    return raw
  }
}
