internal import Basics
internal import OCI

/// What every step of a build depended on, to be compared with the build before: why a step was not in the cache. Values
/// are kept as hashes only: some of them nobody else should read.
package final class BuildExplanation {
  private struct Step {
    var stage: String
    var title: String
    var isCached = false
    var parts: [(name: String, hash: String)]
    var files: [(path: String, hash: String)]
  }

  private var steps: [Step] = []

  init() {}

  /// Of the build before; what cannot be read is as good as nothing.
  init(text: String) {
    guard let json = try? JSON(parsing: Array(text.utf8)), let list = json.arrayValue else { return }
    func pairs(_ json: JSON?) -> [(String, String)] {
      (json?.objectValue?.members ?? []).map { ($0.name, $0.value.stringValue ?? "") }
    }
    for entry in list {
      steps.append(
        Step(
          stage: entry["stage"]?.stringValue ?? "", title: entry["title"]?.stringValue ?? "",
          parts: pairs(entry["parts"]).map { (name: $0.0, hash: $0.1) },
          files: pairs(entry["files"]).map { (path: $0.0, hash: $0.1) }))
    }
  }

  var text: String {
    JSON.array(
      steps.map { step in
        [
          "stage": .string(step.stage), "title": .string(step.title),
          "parts": JSON(step.parts.map { ($0.name, $0.hash) }), "files": JSON(step.files.map { ($0.path, $0.hash) }),
        ]
      }
    ).text()
  }

  /// Whether some step was not in the cache.
  package var hasMisses: Bool { steps.contains { !$0.isCached } }

  func note(_ stage: String, _ title: String, _ key: StepKey) {
    func hash(_ text: String) -> String { String(SHA256Stream.hex(Array(text.utf8)).prefix(16)) }
    var parts: [(name: String, hash: String)] = []
    for part in key.parts {
      guard part.name == "env" else {
        parts.append((part.name, hash(part.value)))
        continue
      }
      for entry in key.environment { parts.append(("variable \(entry.prefix { $0 != "=" })", hash(entry))) }
    }
    steps.append(Step(stage: stage, title: String(title.prefix(80)), parts: parts, files: key.files))
  }

  func noteCached() {
    if let last = steps.indices.last { steps[last].isCached = true }
  }

  /// A line for each step.
  package func reasons(since before: BuildExplanation?) -> [String] {
    var counts: [String: Int] = [:]
    return steps.map { step in
      let number = counts[step.stage, default: 0]
      counts[step.stage] = number + 1
      let head = "explain: [\(step.stage)] \(step.title): "
      if step.isCached { return head + "CACHED" }
      let candidates = before?.steps.filter { $0.stage == step.stage } ?? []
      guard number < candidates.count else {
        return head + (before == nil ? "no build of this Dockerfile is known" : "the step is new")
      }
      return head + Self.reason(step, candidates[number])
    }
  }

  private static func reason(_ step: Step, _ old: Step) -> String {
    var reasons: [String] = []
    let known = Dictionary(old.parts.map { ($0.name, $0.hash) }) { first, _ in first }
    var isParent = false
    for part in step.parts where known[part.name] != part.hash {
      if part.name == "parent" || part.name == "accounts" {
        isParent = true
        continue
      }
      if part.name == "step" || part.name == "command" || part.name == "destination" {
        return "the instruction is another one, it was: \(old.title)"
      }
      reasons.append(words(part.name, isNew: known[part.name] == nil))
    }
    let names = Set(step.parts.map(\.name))
    for part in old.parts where !names.contains(part.name) { reasons.append(words(part.name, isGone: true)) }
    let files = changedFiles(step, old)
    if !files.isEmpty { reasons = files + reasons.filter { !$0.hasPrefix("/") } }
    if reasons.isEmpty {
      return isParent ? "what it stands on has changed" : "it was not kept, or it was not to come from the cache"
    }
    return reasons.prefix(5).joined(separator: "; ")
  }

  private static func words(_ name: String, isNew: Bool = false, isGone: Bool = false) -> String {
    "\(name) " + (isNew ? "is new" : isGone ? "is gone" : "has changed")
  }

  private static func changedFiles(_ step: Step, _ old: Step) -> [String] {
    let known = Dictionary(old.files.map { ($0.path, $0.hash) }) { first, _ in first }
    var result: [String] = []
    for file in step.files {
      guard let before = known[file.path] else {
        result.append("file \(file.path) is new")
        continue
      }
      if before != file.hash { result.append("file \(file.path) has changed (\(before) to \(file.hash))") }
    }
    let names = Set(step.files.map(\.path))
    for file in old.files where !names.contains(file.path) { result.append("file \(file.path) is gone") }
    return result
  }
}
