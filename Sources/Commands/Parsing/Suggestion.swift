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
