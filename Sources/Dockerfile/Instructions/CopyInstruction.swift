/// COPY: files of the context, of a stage, an image or a named context into the image.
package struct CopyInstruction: Equatable, Sendable {
  package var files: FileSources
  /// Stage name or number, image, or named context; nil for the build's context.
  package var from: String?
  /// `user[:group]`, names or numbers.
  package var owner: String?
  /// Octal or symbolic.
  package var mode: String?
  package var link = false
  package var parents = false
  package var excludes: [String] = []
}

extension CopyInstruction: InstructionPayload {
  static let keyword = "COPY"

  init(parsing line: InstructionLine) throws(BuildDiagnostic) {
    let flags = try FlagReader(
      line, known: ["from", "chown", "chmod", "link", "parents", "exclude"], repeatable: ["exclude"])
    let from = try flags.text("from")
    if let from, from.utf8.contains(UInt8(ascii: "$")) {
      throw BuildDiagnostic(
        "variable expansion is not supported for --from",
        hint: "define a new stage with FROM, which may use ARG of the global scope", word: "--from")
    }
    self.init(
      files: try FileSources(parsing: line), from: from, owner: try flags.text("chown"),
      mode: try flags.text("chmod"), link: try flags.bool("link") ?? false,
      parents: try flags.bool("parents") ?? false, excludes: try flags.texts("exclude"))
  }

  mutating func expand(_ expansion: inout Expansion) throws(BuildDiagnostic) {
    owner = try expansion.word(owner)
    mode = try expansion.word(mode)
    try files.expand(&expansion)
  }

  var instruction: Instruction { .copy(self) }
}
