internal import LinuxKernel

/// Whether a container could write the file we are executed from (CVE-2019-5736): its program appears as /proc/PID/exe
/// until the container's own is executed.
enum BinaryExposure {
  /// To be asked before the user's namespace is entered: inside, owners that are not mapped cannot be told apart.
  /// - Parameter map: the ids the container's processes may have on the host.
  static func isWritable(with map: IDMap) -> Bool {
    // What cannot be told is taken for exposed: hiding costs a tenth of a millisecond.
    guard let status = try? File.status("/proc/self/exe", followLink: true) else { return true }
    func holds(_ ranges: [IDRange], _ id: UInt32) -> Bool {
      ranges.contains { id >= $0.outside && id - $0.outside < $0.count }
    }
    // An owner can give itself the permission it lacks.
    return status.mode & 0o002 != 0 || holds(map.uids, status.uid)
      || (status.mode & 0o020 != 0 && holds(map.gids, status.gid))
  }
}
