// The bounds of everything an archive may ask of us (SECURITY B9, C10).

/// Limits on what one archive may hold, each checked before memory or disk is spent on it.
package struct ArchiveLimits: Sendable {
  /// Bytes after decompression.
  package var uncompressedBytes: Int64 = 256 << 30
  /// Uncompressed bytes per compressed byte, counted only above `ratioFloor`: a small archive of zeros is honest, two
  /// gigabytes of them from a few megabytes are not.
  package var ratio: Int64 = 300
  package var ratioFloor: Int64 = 2 << 30
  /// Memory of a decoder: zstd's window and xz's dictionary.
  package var decoderMemory: Int64 = 256 << 20
  package var entries: Int64 = 5_000_000
  /// Bytes of a path (PATH_MAX, with its end) and of one name in it (NAME_MAX).
  package var pathBytes = 4095
  package var nameBytes = 255
  /// Directories above an entry.
  package var depth = 2048
  /// Bytes of a symbolic link's target.
  package var linkTargetBytes = 4095
  /// Bytes of one extended header of pax or GNU: all its records together.
  package var extendedHeaderBytes: Int64 = 1 << 20
  /// Extended attributes: the kernel's own limits (XATTR_NAME_MAX, XATTR_SIZE_MAX), and how many a file may have.
  package var attributeNameBytes = 255
  package var attributeValueBytes = 65536
  package var attributesPerEntry = 64
  /// Parts of one sparse file.
  package var sparseExtents = 1 << 20
  /// Bytes that stay free on the filesystem extracted to, and inodes.
  package var freeBytes: Int64 = 16 << 20
  package var freeInodes: UInt64 = 1024

  package init() {}
}
