extension [IDRange] {
  /// What the id is outside; nil when it is not mapped.
  package func outside(of id: UInt32) -> UInt32? {
    for range in self where id >= range.inside && id - range.inside < range.count {
      return range.outside + (id - range.inside)
    }
    return nil
  }

  /// The same ranges seen from the other side.
  package var inverse: [IDRange] { map { IDRange(inside: $0.outside, outside: $0.inside, count: $0.count) } }
}

extension IDMap {
  /// True when every id that is mapped is the same on both sides.
  package var isIdentity: Bool { (uids + gids).allSatisfy { $0.inside == $0.outside } }
}
