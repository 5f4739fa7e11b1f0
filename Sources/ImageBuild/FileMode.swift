internal import Basics

/// `--chmod`: octal bits, or changes as of chmod(1).
struct FileMode {
  private enum Change {
    case all(UInt32)
    /// Bits of who, the operator, and the letters.
    case clause(who: UInt32, operation: Character, letters: String)
  }
  private var changes: [Change] = []

  init(_ text: String) throws(EngineError) {
    let refusal = EngineError(
      .invalidInput, "reading --chmod", "invalid chmod parameter: '\(safeText(text))'",
      hint: "give octal bits such as 755, or changes such as u=rwX,go=rX")
    if text.utf8.allSatisfy({ (0x30...0x37).contains($0) }), let bits = UInt32(text, radix: 8), bits <= 0o7777 {
      changes = [.all(bits)]
      return
    }
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      var rest = part[...]
      var who: UInt32 = 0
      while let letter = rest.first, "ugoa".contains(letter) {
        who |= letter == "u" ? 0o4700 : letter == "g" ? 0o2070 : letter == "o" ? 0o1007 : 0o7777
        rest = rest.dropFirst()
      }
      if who == 0 { who = 0o7777 }
      guard !rest.isEmpty else { throw refusal }
      while let operation = rest.first {
        guard "+-=".contains(operation) else { throw refusal }
        let letters = rest.dropFirst().prefix { "rwxXst".contains($0) }
        changes.append(.clause(who: who, operation: operation, letters: String(letters)))
        rest = rest.dropFirst(1 + letters.count)
      }
    }
    guard !changes.isEmpty else { throw refusal }
  }

  func applied(to mode: UInt32, isDirectory: Bool) -> UInt32 {
    var result = mode
    for change in changes {
      switch change {
      case .all(let bits): result = bits
      case .clause(let who, let operation, let letters):
        var bits: UInt32 = 0
        for letter in letters {
          switch letter {
          case "r": bits |= 0o444
          case "w": bits |= 0o222
          case "x": bits |= 0o111
          case "X": if isDirectory || result & 0o111 != 0 { bits |= 0o111 }
          case "s": bits |= 0o6000
          default: bits |= 0o1000
          }
        }
        bits &= who
        switch operation {
        case "+": result |= bits
        case "-": result &= ~bits
        default: result = result & ~(who & (isDirectory ? 0o1777 : 0o7777)) | bits
        }
      }
    }
    return result
  }
}
