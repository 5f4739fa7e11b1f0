internal import Glibc

/// A range of ids: `count` ids from `inside` in a user namespace are `outside`… in its parent.
package struct IDRange: Equatable, Sendable {
  package var inside: UInt32
  package var outside: UInt32
  package var count: UInt32

  package init(inside: UInt32, outside: UInt32, count: UInt32) {
    self.inside = inside
    self.outside = outside
    self.count = count
  }

  /// A line of /proc/PID/uid_map (user_namespaces(7)).
  package var line: String { "\(inside) \(outside) \(count)" }
}

/// The subordinate ids that /etc/subuid and /etc/subgid grant a user (subuid(5)).
package enum SubordinateIDs {
  /// Bytes of /etc/subuid we read at most.
  private static let fileLimit = 4 << 20

  /// Ranges of `user` (by name or by number) in file order; empty when there are none or the file is absent.
  package static func ranges(
    _ path: String, user: String?, uid: UInt32
  ) throws(SystemError) -> [(start: UInt32, count: UInt32)] {
    guard let bytes = try File.readAllIfPresent(path, limit: fileLimit) else { return [] }
    var result: [(start: UInt32, count: UInt32)] = []
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let owner = String(decoding: fields[0], as: UTF8.self)
      guard owner == user || owner == String(uid),
        let start = UInt32(String(decoding: fields[1], as: UTF8.self)),
        let count = UInt32(String(decoding: fields[2], as: UTF8.self)),
        count > 0, !start.addingReportingOverflow(count - 1).overflow
      else { continue }
      result.append((start, count))
    }
    return result
  }
}

/// The account this process runs for.
package struct Account: Sendable {
  package var uid: UInt32
  package var gid: UInt32
  /// Nil for a uid without an account.
  package var name: String?
  package var home: String?

  package init(uid: UInt32, gid: UInt32, name: String?, home: String?) {
    self.uid = uid
    self.gid = gid
    self.name = name
    self.home = home
  }

  /// The effective user. Reads /etc/passwd itself: a static program loads no name service modules.
  package static func current() -> Account {
    let uid = geteuid()
    var account = Account(uid: uid, gid: getegid(), name: nil, home: nil)
    // An unreadable passwd file leaves the account without a name, which is what we report then.
    guard let bytes = try? File.readAll("/etc/passwd", limit: 16 << 20) else { return account }
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
      guard fields.count >= 7, UInt32(String(decoding: fields[2], as: UTF8.self)) == uid else { continue }
      account.name = String(decoding: fields[0], as: UTF8.self)
      account.home = String(decoding: fields[5], as: UTF8.self)
      break
    }
    return account
  }
}
