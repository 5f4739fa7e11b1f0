/// A verb with all the ways to say it.
package struct DocumentedCommand {
  /// The shortest way, such as `["run"]` or `["image", "inspect"]`.
  package let path: [String]
  package let command: any Command.Type
}

extension CommandTree {
  /// Every path that leads to the same verb as `path`, long forms first, as docker lists aliases.
  static func aliases(of path: [String]) -> [[String]] {
    guard let target = verb(at: path) else { return [] }
    var found: [[String]] = []
    for entry in nouns {
      guard case .noun(_, let verbs) = entry.meaning else { continue }
      for verb in verbs() where isSame(verb, target) {
        found += ([verb.name] + verb.aliases).map { [entry.name, $0] }
      }
    }
    for verb in verbs where isSame(verb, target) { found += ([verb.name] + verb.aliases).map { [$0] } }
    return found
  }

  /// Each verb once, under its shortest name, in the order of the tree: what gets a man page.
  package static var documented: [DocumentedCommand] {
    var result: [DocumentedCommand] = []
    var seen: Set<ObjectIdentifier> = []
    func add(_ path: [String], _ entry: CommandEntry) {
      guard case .verb(let command) = entry.meaning, entry.isShown, seen.insert(ObjectIdentifier(command)).inserted
      else { return }
      result.append(DocumentedCommand(path: path, command: command))
    }
    for entry in verbs { add([entry.name], entry) }
    for noun in nouns {
      guard case .noun(_, let verbs) = noun.meaning else { continue }
      for entry in verbs() { add([noun.name, entry.name], entry) }
    }
    return result
  }

  private static func verb(at path: [String]) -> ObjectIdentifier? {
    var list = entries
    for (index, word) in path.enumerated() {
      guard let entry = list.first(where: { $0.answers(to: word) }) else { return nil }
      switch entry.meaning {
      case .verb(let command): return index == path.count - 1 ? ObjectIdentifier(command) : nil
      case .noun(_, let verbs): list = verbs()
      case .later, .never: return nil
      }
    }
    return nil
  }

  private static func isSame(_ entry: CommandEntry, _ target: ObjectIdentifier) -> Bool {
    if case .verb(let command) = entry.meaning { return ObjectIdentifier(command) == target }
    return false
  }
}
