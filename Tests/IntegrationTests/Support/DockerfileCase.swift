import Glibc
import TestSupport

/// One case of the corpus in `Dockerfiles`: a sentence, `key: value` lines, and files as `-- NAME [MODE] --`. What the keys
/// and the files `check`, `config` and `tree` mean stands at the top of scripts/build-parity, which runs the same cases.
struct DockerfileCase: Sendable, CustomStringConvertible {
  let name: String
  private let keys: [(name: String, value: String)]
  private let files: [(name: String, content: String)]

  /// Of every file of a context: 2020-01-02 03:04:05 UTC.
  static let time = 1_577_934_245

  var description: String { name }

  init(_ name: String) throws {
    self.name = name
    var keys: [(name: String, value: String)] = []
    var files: [(name: String, content: String)] = []
    let text = try readText("\(sourceDirectory)/Tests/IntegrationTests/Dockerfiles/\(name).case")
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
      if line.hasPrefix("-- "), line.hasSuffix(" --") {
        files.append((String(line.dropFirst(3).dropLast(3)), ""))
      } else if !files.isEmpty {
        files[files.count - 1].content += line + "\n"
      } else {
        let parts = line.split(separator: ":", maxSplits: 1)
        if parts.count == 2 { keys.append((String(parts[0]), String(parts[1].drop { $0 == " " }))) }
      }
    }
    self.keys = keys
    self.files = files
  }

  func key(_ name: String) -> String? { keys.first { $0.name == name }?.value }

  func expectation(_ name: String) -> String? { files.first { $0.name == name }?.content }

  /// The words of `args`, which have no quotes.
  func arguments(context: String) -> [String] {
    (key("args") ?? "").split(separator: " ").map { word in
      word.split(separator: "@CONTEXT@", omittingEmptySubsequences: false).joined(separator: context)
    }
  }

  /// Writes the context into a directory of its own, which belongs to the store's user, and gives its path.
  func write(in store: Store) throws -> String {
    let context = try store.folder("context-" + name)
    var modes: [(path: String, mode: String)] = []
    for (name, content) in files where !["check", "config", "tree"].contains(name) {
      let link = name.split(separator: " -> ")
      if link.count == 2 {
        let path = "\(context)/\(link[0])"
        try makeParent(of: path)
        guard symlink(String(link[1]), path) == 0 else { throw FixtureError("making the link \(path)") }
        continue
      }
      let words = name.split(separator: " ")
      let hasMode = words.count > 1 && words.last.map { $0.count >= 3 && Int($0, radix: 8) != nil } == true
      let path = "\(context)/" + (hasMode ? words.dropLast().joined(separator: " ") : name)
      modes.append((path, hasMode ? String(words[words.count - 1]) : path.hasSuffix("/") ? "755" : "644"))
      if path.hasSuffix("/") {
        try makeDirectory(String(path.dropLast()))
      } else {
        try makeParent(of: path)
        try TestSupport.write(encoded(content, path), to: path)
      }
    }
    for (key, value) in keys where key == "tar" || key.hasPrefix("tar.") {
      try writeArchive(value, compression: String(key.dropFirst(4)), in: context)
    }
    for (path, mode) in modes { try mustRun(["chmod", mode, path]) }
    if let account = store.identity.account {
      try mustRun(["chown", "-hR", "\(account.uid):\(account.gid)", context])
      // Taking a file away takes its special bits off.
      for (path, mode) in modes where mode.count == 4 { try mustRun(["chmod", mode, path]) }
    }
    try mustRun(["find", context, "-exec", "touch", "-h", "-d", "@\(Self.time)", "{}", "+"])
    return context
  }

  private func makeParent(of path: String) throws {
    try makeDirectory(path.split(separator: "/").dropLast().map { "/" + $0 }.joined())
  }

  /// Dockerfiles as the case wants their bytes.
  private func encoded(_ content: String, _ path: String) -> String {
    guard path.hasSuffix("Dockerfile") else { return content }
    var text = content
    if key("chomp") != nil { text = String(text.dropLast()) }
    if key("crlf") != nil {
      text = text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
    }
    return key("bom") == nil ? text : "\u{FEFF}" + text
  }

  /// `NAME: PATH=CONTENT PATH=CONTENT`
  private func writeArchive(_ value: String, compression: String, in context: String) throws {
    let parts = value.split(separator: ": ")
    let tool = ["": "cat", "gz": "gzip -n", "xz": "xz", "bz2": "bzip2", "zst": "zstd -q"][compression] ?? "false"
    let script = """
      target=$1; shift; d=$(mktemp -d); cd "$d"
      for m; do mkdir -p "$(dirname "${m%%=*}")"; echo "${m#*=}" > "${m%%=*}"; done
      tar --owner=0 --group=0 --mtime=@\(Self.time) -cf - -- $(find . -type f | cut -c3-) | \(tool) > "$target"
      rm -r "$d"
      """
    try mustRun(
      ["sh", "-euc", script, "sh", "\(context)/\(parts[0])"] + parts[1].split(separator: " ").map(String.init))
  }
}
