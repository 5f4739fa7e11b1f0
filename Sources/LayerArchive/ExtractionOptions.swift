// How a layer, or an archive for `cp`, is unpacked.
internal import LinuxKernel

extension LayerExtractor {
  package enum Ownership: Sendable {
    /// Owners as in the archive; an id that the user namespace does not map is an error.
    case asArchived
    /// As in the archive, but an id that is not mapped becomes 0 (`--squash-ids`), with a note.
    case fitted
    /// Everything belongs to who extracts.
    case squashed
  }

  package struct Options: Sendable {
    package var mode: OverlayMode
    package var ownership: Ownership
    package var limits: ArchiveLimits
    /// False for plain archives (`import`, `cp`): `.wh.` names are names.
    package var readsWhiteouts: Bool
    /// Nil makes a tree of its own. Otherwise the tree is there already (`cp`): directories stay directories and files
    /// files, and the root keeps its metadata.
    package var merge: Merge?

    package init(
      mode: OverlayMode, ownership: Ownership = .asArchived, limits: ArchiveLimits = ArchiveLimits(),
      readsWhiteouts: Bool = true
    ) {
      self.mode = mode
      self.ownership = ownership
      self.limits = limits
      self.readsWhiteouts = readsWhiteouts
    }
  }

  /// Extraction into a tree that others use.
  package struct Merge: Sendable {
    /// What the first part of each name is replaced by; empty takes it away, nil leaves it.
    package var top: [UInt8]?
    /// The process's own root is the tree's, so that links which are there already are followed by whoever they are
    /// made: they lead nowhere else.
    package var isConfined = false
    /// Set-id bits and capabilities are left out: the files get another owner than their maker meant.
    package var dropsPrivileges = false
    /// The ids that owners may be; needed where /proc is not ours.
    package var owners: OwnerLimits?

    package init(top: [UInt8]?) { self.top = top }
  }
}
