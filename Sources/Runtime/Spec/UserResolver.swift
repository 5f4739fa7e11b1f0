package import Basics
internal import Glibc
package import LinuxKernel

/// Who a program runs as, in ids of the container.
package struct ResolvedUser: Equatable, Sendable {
  package var uid: UInt32
  package var gid: UInt32
  /// Supplementary groups, the primary one among them (CVE-2022-36109).
  package var additionalGids: [UInt32]
  /// Home directory of the account, "/" without one.
  package var home: String

  package init(uid: UInt32, gid: UInt32, additionalGids: [UInt32], home: String) {
    self.uid = uid
    self.gid = gid
    self.additionalGids = additionalGids
    self.home = home
  }
}

/// Finds the user of `USER`, `-u` and `exec -u` in the container's own passwd(5) and group(5).
///
/// All digits are a number and never a name, however a passwd file may call its entries; a number above 2³¹−1 and
/// anything malformed is an error and never 0 (CVE-2016-3697, CVE-2024-40635). The files are the image's: read with a
/// limit, and only when they are regular files (CVE-2024-9676).
package enum UserResolver {
  /// Bytes of passwd or group at most.
  package static let fileLimit = 8 << 20
  /// The highest id taken.
  package static let highestID: UInt32 = 1 << 31 - 1

  /// - Parameters:
  ///   - user: `[USER][:GROUP]`; empty is root.
  ///   - groups: `--group-add` names and numbers.
  ///   - open: opens a regular file of the container's root, nil when it is not there.
  package static func resolve(
    _ user: String, groups: [String] = [], doing: String,
    open: (String) throws(SystemError) -> OwnedDescriptor?
  ) throws(EngineError) -> ResolvedUser {
    let (userPart, groupPart) = try split(user, doing: doing)
    let account = try findAccount(userPart, doing: doing, open: open)
    var result = ResolvedUser(uid: account.uid, gid: account.gid, additionalGids: [], home: account.home)
    let groupFile = try AccountFile("/etc/group", doing: doing, open: open)
    if let groupPart {
      result.gid = try groupID(groupPart, groupFile, doing: doing)
    } else if let name = account.name {
      result.additionalGids = groupFile.groups(of: name)
    }
    for group in groups { result.additionalGids.append(try groupID(group, groupFile, doing: doing)) }
    var seen: Set<UInt32> = []
    result.additionalGids = ([result.gid] + result.additionalGids).filter { seen.insert($0).inserted }
    return result
  }

  private static func split(_ user: String, doing: String) throws(EngineError) -> (String, String?) {
    guard user.utf8.count <= 1024, user.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
      throw malformed(user, doing, "it contains white space or control characters")
    }
    let parts = user.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2 else { throw malformed(user, doing, "it has more than one colon") }
    if parts.count == 2, parts[1].isEmpty { throw malformed(user, doing, "nothing follows its colon") }
    return (String(parts[0]), parts.count == 2 ? String(parts[1]) : nil)
  }

  private static func malformed(_ user: String, _ doing: String, _ why: String) -> EngineError {
    EngineError(
      .invalidInput, doing, "\"\(safeText(String(user.prefix(80))))\" is no user: \(why)",
      hint: "give a name or a number, and optionally a group: -u USER[:GROUP]")
  }

  /// A number when the text is all digits, nil when it may be a name.
  private static func number(_ text: String, doing: String) throws(EngineError) -> UInt32? {
    let isNegative = text.hasPrefix("-") && text.dropFirst().utf8.allSatisfy { (0x30...0x39).contains($0) }
    guard isNegative || (!text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }) else { return nil }
    guard let value = UInt32(text), value <= highestID else {
      throw malformed(text, doing, "an id is a number from 0 to \(highestID)")
    }
    return value
  }

  private struct FoundAccount {
    var name: String?
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    var home = "/"
  }

  private static func findAccount(
    _ text: String, doing: String, open: (String) throws(SystemError) -> OwnedDescriptor?
  ) throws(EngineError) -> FoundAccount {
    let wanted = text.isEmpty ? 0 : try number(text, doing: doing)
    let file = try AccountFile("/etc/passwd", doing: doing, open: open)
    let found = file.first { fields in
      guard fields.count >= 4 else { return false }
      return wanted.map { AccountFile.id(fields[2]) == $0 } ?? (AccountFile.text(fields[0]) == text)
    }
    guard let found else {
      guard let wanted else {
        throw EngineError(
          .invalidInput, doing, "unable to find user \(safeText(text)): no matching entries in passwd file")
      }
      return FoundAccount(uid: wanted, home: "/")
    }
    guard let uid = AccountFile.id(found[2]), let gid = AccountFile.id(found[3]), uid <= highestID, gid <= highestID
    else { throw EngineError(.invalidInput, doing, "the passwd entry of user \(safeText(text)) has no valid ids") }
    let home = found.count > 5 ? AccountFile.text(found[5]) : ""
    return FoundAccount(
      name: AccountFile.text(found[0]), uid: uid, gid: gid, home: home.hasPrefix("/") ? home : "/")
  }

  private static func groupID(_ text: String, _ file: AccountFile, doing: String) throws(EngineError) -> UInt32 {
    if let number = try number(text, doing: doing) { return number }
    let found = file.first { $0.count >= 3 && AccountFile.text($0[0]) == text }
    guard let found, let gid = AccountFile.id(found[2]), gid <= highestID else {
      throw EngineError(
        .invalidInput, doing, "unable to find group \(safeText(text)): no matching entries in group file")
    }
    return gid
  }
}

/// Lines of passwd(5) or group(5).
private struct AccountFile {
  private let bytes: [UInt8]

  /// An absent file is an empty one.
  init(
    _ path: String, doing: String, open: (String) throws(SystemError) -> OwnedDescriptor?
  ) throws(EngineError) {
    do throws(SystemError) {
      guard let file = try open(path) else {
        bytes = []
        return
      }
      bytes = try File.readAll(file.raw, limit: UserResolver.fileLimit, shown: path)
    } catch {
      let limit = "it is larger than \(UserResolver.fileLimit >> 20) MiB"
      let why = error.errno == EFBIG ? limit : error.errno == EINVAL ? "it is no regular file" : error.reason
      throw EngineError(.invalidInput, doing, "cannot read the container's \(path): \(why)")
    }
  }

  /// The first line for which `matches` holds, as its fields.
  func first(_ matches: ([ArraySlice<UInt8>]) -> Bool) -> [ArraySlice<UInt8>]? {
    var start = bytes.startIndex
    while start < bytes.endIndex {
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
      let fields = bytes[start..<end].split(
        separator: UInt8(ascii: ":"), maxSplits: 6, omittingEmptySubsequences: false)
      if matches(fields) { return fields }
      start = end + 1
    }
    return nil
  }

  /// Ids of the groups that list `name` as a member, at most what setgroups(2) takes.
  func groups(of name: String) -> [UInt32] {
    let wanted = Array(name.utf8)
    var result: [UInt32] = []
    _ = first { fields in
      guard fields.count >= 4, let gid = Self.id(fields[2]), gid <= UserResolver.highestID else { return false }
      if fields[3].split(separator: UInt8(ascii: ",")).contains(where: { $0.elementsEqual(wanted) }) {
        result.append(gid)
      }
      return result.count >= 65536
    }
    return result
  }

  static func text(_ field: ArraySlice<UInt8>) -> String { String(decoding: field, as: UTF8.self) }

  static func id(_ field: ArraySlice<UInt8>) -> UInt32? {
    guard !field.isEmpty, field.count <= 10, field.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return UInt32(text(field))
  }
}
