internal import Glibc

/// Which user a program of a test runs as.
package enum Identity: Sendable, Equatable {
  /// The user of the test process itself.
  case caller
  /// An unprivileged user with subordinate ids: the caller, or `$DHOW_TEST_USER` (default `alice`) if that is root.
  case unprivileged
  /// Root; only where the caller is.
  case root

  /// Who tests run the program as unless they say: `$DHOW_TEST_AS` is `user` (default) or `root`.
  package static var standard: Identity {
    environmentVariable("DHOW_TEST_AS") == "root" ? .root : .unprivileged
  }

  package static var callerIsRoot: Bool { getuid() == 0 }

  /// Name, ids and home of the unprivileged user; nil if there is none on this machine.
  package static let unprivilegedAccount: TestAccount? =
    callerIsRoot
    ? TestAccount(named: environmentVariable("DHOW_TEST_USER") ?? "alice") : TestAccount(uid: getuid())

  /// The account programs of this identity run in.
  package var account: TestAccount? {
    switch self {
    case .caller: TestAccount(uid: getuid())
    case .unprivileged: Identity.unprivilegedAccount
    case .root: Identity.callerIsRoot ? TestAccount(uid: 0) : nil
    }
  }

  /// The words before a command that make it run as this identity, given its environment and directory.
  func prefix(environment: [String: String], directory: String) throws -> [String] {
    guard let account else { throw FixtureError("no account for \(self) on this machine") }
    let words = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let clean = [
      "/usr/bin/env", "-i", "--chdir=\(directory)", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "HOME=\(account.home)",
      "USER=\(account.name)", "LOGNAME=\(account.name)", "LC_ALL=C.UTF-8",
    ]
    guard account.uid != getuid() else { return clean + words }
    let setpriv = ["/usr/bin/setpriv", "--reuid=\(account.uid)", "--regid=\(account.gid)", "--init-groups"]
    return setpriv + clean + words
  }
}

/// An entry of the password file.
package struct TestAccount: Sendable, Equatable {
  package let name: String
  package let uid: UInt32
  package let gid: UInt32
  package let home: String

  init?(named name: String) {
    guard let entry = getpwnam(name) else { return nil }
    self.init(entry.pointee)
  }

  init?(uid: UInt32) {
    guard let entry = getpwuid(uid) else { return nil }
    self.init(entry.pointee)
  }

  private init(_ entry: passwd) {
    name = String(cString: entry.pw_name)
    uid = entry.pw_uid
    gid = entry.pw_gid
    home = String(cString: entry.pw_dir)
  }

  /// Whether `/etc/subuid` and `/etc/subgid` give this account a range of at least 65536 ids.
  package var hasSubordinateIDs: Bool {
    ["/etc/subuid", "/etc/subgid"].allSatisfy { path in
      guard let text = try? readText(path) else { return false }  // absent: no range
      return text.split(separator: "\n").contains { line in
        let fields = line.split(separator: ":")
        return fields.count == 3 && (fields[0] == name || fields[0] == "\(uid)") && Int(fields[2]) ?? 0 >= 65536
      }
    }
  }
}

package func environmentVariable(_ name: String) -> String? {
  getenv(name).map { String(cString: $0) }
}
