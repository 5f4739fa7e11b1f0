internal import CLinux
package import LinuxKernel

/// The one buffer all reads of a process go through. It is pages of its own, so that an idle monitor can give them back
/// to the kernel (madvise(2), MADV_DONTNEED) and be charged for none of them.
package final class ScratchBuffer {
  package static let size = 65_536
  package let bytes: UnsafeMutableRawBufferPointer

  package init() throws(SystemError) {
    guard let pages = dhow_map_pages(Self.size) else { throw SystemError("mmap", "a buffer") }
    bytes = UnsafeMutableRawBufferPointer(start: pages, count: Self.size)
  }

  /// Gives the pages back; the content is lost.
  package func release() { _ = dhow_release_pages(bytes.baseAddress, bytes.count) }
}
