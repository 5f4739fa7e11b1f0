internal import Glibc

/// Descriptors 0, 1 and 2 of this process.
package enum StandardDescriptors {
  /// Opens /dev/null in place of each one that our caller has closed; to be called before anything else is opened, which
  /// would get its number and be read, or written to, as if it were the caller's.
  package static func ensureOpen() {
    for descriptor in 0...2 as ClosedRange<Int32> where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest free number is the one just found closed.
      _ = open("/dev/null", descriptor == 0 ? O_RDONLY : O_WRONLY)
    }
  }
}
