// Which owners can be given to a file here (SECURITY C11).
internal import Basics
package import LinuxKernel

/// The ids that the current user namespace maps, from /proc/self/uid_map or gid_map (user_namespaces(7)).
struct OwnerRange: Sendable {
  private var ranges: [Range<Int64>] = []

  init(map: String) throws(SystemError) {
    let text = String(decoding: try File.readAll(map, limit: 1 << 16), as: UTF8.self)
    for line in text.split(separator: "\n") {
      let fields = line.split(separator: " ").compactMap { Int64($0) }
      if fields.count == 3 { ranges.append(fields[0]..<fields[0] + fields[2]) }
    }
  }

  func contains(_ id: Int64) -> Bool {
    for range in ranges where range.contains(id) { return true }
    return false
  }

  /// How many ids there are from 0 on without a gap.
  var count: Int64 {
    var end: Int64 = 0
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where range.lowerBound <= end {
      end = max(end, range.upperBound)
    }
    return end
  }
}

/// The ids that files may be given, read while the process still sees its own /proc.
package struct OwnerLimits: Sendable {
  let users: OwnerRange
  let groups: OwnerRange

  /// - Parameter process: `self` or a pid, whose user namespace counts.
  package init(of process: String) throws(SystemError) {
    users = try OwnerRange(map: "/proc/\(process)/uid_map")
    groups = try OwnerRange(map: "/proc/\(process)/gid_map")
  }
}
