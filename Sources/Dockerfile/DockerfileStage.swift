/// FROM and what follows it to the next FROM.
package struct DockerfileStage: Sendable {
  /// Lower case; nil for a stage without `AS`.
  package var name: String?
  /// As written, with its variables.
  package var base: String
  /// `--platform` as written, with its variables.
  package var platform: String?
  package var instructions: [InstructionNode]

  /// `FROM` and `AS` as written, for the checks of their case.
  package var keyword: String
  package var asKeyword: String?
  /// The name before it was put in lower case.
  package var writtenName: String?
  package var text: String
  package var range: SourceRange
  package var comments: [String]

  /// `FROM scratch`: the empty image.
  package static let scratch = "scratch"

  /// What the comment above says of it (`# name description`), for `--call=outline` and `targets`.
  package var description: String? { name.flatMap { InstructionNode.description(of: $0, in: comments) } }
}
