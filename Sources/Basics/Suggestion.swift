/// The known word closest to one that was typed wrongly, nil when none is near: at most two edits (one for words below
/// five letters), or a start of at least three letters that only one known word has.
package func nearest(to word: String, among known: [String]) -> String? {
  guard !word.isEmpty, word.utf8.count <= 64 else { return nil }
  let typed = Array(word.lowercased().utf8)
  var best: (word: String, distance: Int)?
  for candidate in known {
    let distance = editDistance(typed, Array(candidate.lowercased().utf8))
    if distance < best?.distance ?? Int.max { best = (candidate, distance) }
  }
  if let best, best.distance <= (typed.count < 5 ? 1 : 2) { return best.word }
  guard typed.count >= 3 else { return nil }
  let starting = known.filter { $0.hasPrefix(word.lowercased()) }
  return starting.count == 1 ? starting.first : nil
}

/// Known words that a word which is none of them may have been meant for, the closest first: those within two edits, and
/// those that begin with it or that it begins with.
package func near(_ word: String, among known: [String], limit: Int = 5) -> [String] {
  guard !word.isEmpty, word.utf8.count <= 128 else { return [] }
  let typed = Array(word.lowercased().utf8)
  var found: [(word: String, distance: Int)] = []
  for candidate in known where candidate.utf8.count <= 128 {
    let other = candidate.lowercased()
    if other.hasPrefix(word.lowercased()) || (other.utf8.count >= 2 && word.lowercased().hasPrefix(other)) {
      found.append((candidate, 1))
    } else if abs(other.utf8.count - typed.count) <= 2 {
      let distance = editDistance(typed, Array(other.utf8))
      if distance <= (typed.count < 5 ? 1 : 2) { found.append((candidate, distance)) }
    }
  }
  // Sorting is not stable; the registry's order decides among equals.
  let order = found.enumerated().sorted { ($0.element.distance, $0.offset) < ($1.element.distance, $1.offset) }
  return order.prefix(limit).map(\.element.word)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment).
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var before: [Int] = []
  var previous = Array(0...b.count)
  for i in 0..<a.count {
    var row = [i + 1]
    for j in 0..<b.count {
      var cost = min(previous[j] + (a[i] == b[j] ? 0 : 1), previous[j + 1] + 1, row[j] + 1)
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
      row.append(cost)
    }
    before = previous
    previous = row
  }
  return previous[b.count]
}
