internal import Basics

/// A manual page: NAME, SYNOPSIS and OPTIONS from the command's declaration, everything else from prose written by hand.
///
/// The prose is plain text: its first part is the DESCRIPTION, `# TITLE` begins a section, `- ` an item, four spaces a
/// literal line, and `backquotes` set a literal word.
package struct ManPage {
  package let path: [String]
  package let words: CommandWords
  package let flags: [FlagText]
  package let prose: String

  /// The name of the page without its section, such as `dhow-image-inspect`.
  package static func name(of path: [String]) -> String { (["dhow"] + path).joined(separator: "-") }

  package init(path: [String], words: CommandWords, flags: [FlagText], prose: String) {
    self.path = path
    self.words = words
    self.flags = flags
    self.prose = prose
  }

  /// The page as roff.
  package var roff: String {
    let name = Self.name(of: path)
    let sections = ManProse(prose)
    var text = ".\\\" Written by `make docs` from the flag table and man/source; do not edit.\n"
    text += ".TH \(quoted(name.uppercased())) 1 \"\" \(quoted("dhow " + ProductVersion.text)) \"dhow manual\"\n"
    text += ".SH NAME\n\(escaped(name)) \\- \(escaped(words.summary))\n"
    text += ".SH SYNOPSIS\n" + synopsis
    text += ".SH DESCRIPTION\n" + sections.description
    text += options
    for section in sections.rest { text += ".SH \(quoted(section.title))\n" + section.body }
    if !sections.rest.contains(where: { $0.title == "SEE ALSO" }), path != [] {
      text += ".SH \"SEE ALSO\"\n.BR dhow (1)\n"
    }
    return text
  }

  private var synopsis: String {
    let aliases = CommandTree.aliases(of: path)
    let forms = aliases.isEmpty ? [path] : aliases.sorted { $0.count < $1.count }
    return forms.map { form in
      "\\fB\(escaped((["dhow"] + form).joined(separator: " ")))\\fR \(escaped(words.usage))\n"
    }.joined(separator: ".br\n")
  }

  private var options: String {
    let shown = shownFlags(flags)
    guard !shown.isEmpty else { return "" }
    return ".SH OPTIONS\n"
      + shown.map { flag in
        var line = flag.short.map { "\\fB\\-\($0)\\fR, " } ?? ""
        line += "\\fB\(escaped("--" + flag.name))\\fR"
        if !flag.placeholder.isEmpty { line += " \\fI\(escaped(flag.placeholder))\\fR" }
        let repeated = flag.repeatable ? " May be given several times." : ""
        return ".TP\n\(line)\n"
          + (escaped(flag.describedHelp) + "." + repeated).split(separator: "\n").map(protected).joined(
            separator: "\n.br\n") + "\n"
      }.joined()
  }
}

/// Hand-written prose as roff.
private struct ManProse {
  var description = ""
  var rest: [(title: String, body: String)] = []

  init(_ source: String) {
    var isLiteral = false
    for line in source.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      if line.hasPrefix("    ") {
        if !isLiteral { append(".PP\n.RS 4\n.nf\n") }
        isLiteral = true
        append(protected(escaped(String(line.dropFirst(4)))) + "\n")
        continue
      }
      if isLiteral {
        append(".fi\n.RE\n")
        isLiteral = false
      }
      if line.hasPrefix("# ") {
        rest.append((String(line.dropFirst(2)), ""))
      } else if line.hasPrefix("- ") {
        append(".IP \\(bu 2\n" + words(String(line.dropFirst(2))) + "\n")
      } else if line.isEmpty {
        append(".PP\n")
      } else {
        append(words(line) + "\n")
      }
    }
    if isLiteral { append(".fi\n.RE\n") }
    description = tidied(description)
    rest = rest.map { ($0.title, tidied($0.body)) }
  }

  private mutating func append(_ text: String) {
    if rest.isEmpty { description += text } else { rest[rest.count - 1].body += text }
  }

  /// `literal` words in bold, the rest as it is.
  private func words(_ line: String) -> String {
    let parts = line.split(separator: "`", omittingEmptySubsequences: false)
    return protected(
      parts.enumerated().map {
        $0.offset % 2 == 1 ? "\\fB\(escaped(String($0.element)))\\fR" : escaped(String($0.element))
      }
      .joined())
  }

  /// Without paragraph marks at the ends or one after another.
  private func tidied(_ body: String) -> String {
    var lines: [Substring] = []
    for line in body.split(separator: "\n") {
      if line == ".PP", lines.isEmpty || lines.last == ".PP" { continue }
      lines.append(line)
    }
    while lines.last == ".PP" { lines.removeLast() }
    return lines.map { $0 + "\n" }.joined()
  }
}

/// Text with roff's own characters escaped; every hyphen is one that can be searched and copied.
private func escaped(_ text: String) -> String {
  var result = ""
  for character in text {
    switch character {
    case "\\": result += "\\e"
    case "-": result += "\\-"
    case "'": result += "\\(aq"
    case "…": result += "..."
    default: result.append(character)
    }
  }
  return result
}

/// A line that begins with a dot is text, not a request.
private func protected(_ line: some StringProtocol) -> String { line.hasPrefix(".") ? "\\&" + line : String(line) }

private func quoted(_ text: String) -> String { "\"\(text)\"" }
