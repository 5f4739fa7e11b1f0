/// ADD: files, URLs, git repositories and archives into the image.
package struct AddInstruction: Equatable, Sendable {
  package var files: FileSources
  /// `user[:group]`, names or numbers.
  package var owner: String?
  /// Octal or symbolic.
  package var mode: String?
  package var link = false
  package var excludes: [String] = []
  /// `sha256:…` of a URL's bytes, or the commit of a git repository.
  package var checksum: String?
  package var keepsGitDirectory: Bool?
  /// Nil: local archives are unpacked, downloaded ones are not.
  package var unpacks: Bool?
}

extension AddInstruction: InstructionPayload {
  static let keyword = "ADD"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    let flags = try FlagReader(
      line, known: ["chown", "chmod", "link", "keep-git-dir", "checksum", "unpack", "exclude"],
      repeatable: ["exclude"])
    self.init(
      files: try FileSources(parsing: line), owner: try flags.text("chown"), mode: try flags.text("chmod"),
      link: try flags.bool("link") ?? false, excludes: try flags.texts("exclude"),
      checksum: try flags.text("checksum"), keepsGitDirectory: try flags.bool("keep-git-dir"),
      unpacks: try flags.bool("unpack"))
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {
    owner = try expansion.word(owner)
    mode = try expansion.word(mode)
    checksum = try expansion.word(checksum)
    try files.expand(&expansion)
  }

  var instruction: Instruction { .add(self) }
}
