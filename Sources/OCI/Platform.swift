package import Basics

/// What an image runs on (OCI image spec, image-index.md `platform`), in Go's names and normalized as containerd does.
package struct Platform: Hashable, Sendable, CustomStringConvertible {
  package var os: String
  package var architecture: String
  /// Level of the architecture, such as "v7" of arm; empty when the image does not say.
  package var variant: String
  package var osVersion: String?
  package var osFeatures: [String]

  package init(
    os: String, architecture: String, variant: String = "", osVersion: String? = nil, osFeatures: [String] = []
  ) {
    self.os = os.lowercased()
    (self.architecture, self.variant) = normalized(architecture.lowercased(), variant.lowercased())
    self.osVersion = osVersion
    self.osFeatures = osFeatures
  }

  /// The platform of this binary's host.
  package static var host: Platform {
    #if arch(x86_64)
      Platform(os: "linux", architecture: "amd64")
    #elseif arch(arm64)
      Platform(os: "linux", architecture: "arm64")
    #else
      #error("name this architecture as Go does")
    #endif
  }

  /// Parses `--platform`: `os`, `arch`, `os/arch` or `os/arch/variant`.
  package init(parsing text: String) throws(OCIFormatError) {
    let subject = "platform \"\(safeText(String(text.prefix(80))))\""
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { String($0).lowercased() }
    for part in parts where !isPlatformWord(part) {
      throw OCIFormatError(subject, "is not of the form os/architecture[/variant]")
    }
    switch parts.count {
    case 1 where knownSystems.contains(parts[0]):
      self.init(os: parts[0], architecture: Platform.host.architecture)
    case 1:
      self.init(os: "linux", architecture: parts[0])
      guard knownArchitectures.contains(architecture) else {
        throw OCIFormatError(subject, "is neither an operating system nor an architecture that is known")
      }
    case 2: self.init(os: parts[0], architecture: parts[1])
    case 3: self.init(os: parts[0], architecture: parts[1], variant: parts[2])
    default: throw OCIFormatError(subject, "is not of the form os/architecture[/variant]")
    }
  }

  package init(_ fields: JSONFields) throws(JSONShapeError) {
    self.init(
      os: try fields.optionalString("os") ?? "", architecture: try fields.optionalString("architecture") ?? "",
      variant: try fields.optionalString("variant") ?? "", osVersion: try fields.optionalString("os.version"),
      osFeatures: try fields.strings("os.features"))
  }

  package var json: JSON {
    var builder = JSONBuilder()
    builder.set("architecture", architecture)
    builder.set("os", os)
    builder.set("os.version", osVersion)
    builder.set("os.features", osFeatures)
    builder.set("variant", variant.isEmpty ? nil : variant)
    return builder.json
  }

  package var description: String { variant.isEmpty ? "\(os)/\(architecture)" : "\(os)/\(architecture)/\(variant)" }

  /// How well an image of `candidate` runs here: 0 is exact, larger is an older level, nil is not at all.
  ///
  /// arm falls back from v8 through v7 and v6 to v5, arm64 from v9 to v8; the level of amd64 is a hint and
  /// ignored, but an image without one is preferred to one with another level.
  package func distance(to candidate: Platform) -> Int? {
    guard os == candidate.os, architecture == candidate.architecture else { return nil }
    let fallback = variantFallback
    if let index = fallback.firstIndex(of: candidate.variant) { return index }
    return architecture == "amd64" ? fallback.count : nil
  }

  /// Variants that run on this platform, best first.
  private var variantFallback: [String] {
    switch (architecture, variant) {
    case ("arm", "v8"): ["v8", "v7", "v6", "v5"]
    case ("arm", "v7"): ["v7", "v6", "v5"]
    case ("arm", "v6"): ["v6", "v5"]
    case ("arm64", "v9"): ["v9", ""]
    case ("amd64", let level) where !level.isEmpty: [level, ""]
    default: [variant]
    }
  }
}

private let knownSystems: Set<String> = [
  "aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "js", "linux", "netbsd", "openbsd", "plan9", "solaris",
  "windows", "zos",
]

private let knownArchitectures: Set<String> = [
  "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64",
  "s390x", "wasm",
]

/// containerd's component grammar, letters, digits, `_`, `.`, `-`, here without a leading dot.
private func isPlatformWord(_ word: String) -> Bool {
  !word.isEmpty && !word.hasPrefix(".") && word.utf8.count <= 64
    && word.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"): true
      default: false
      }
    }
}

/// Aliases that uname(1), Debian and Go use, in Go's words.
private func normalized(_ architecture: String, _ variant: String) -> (String, String) {
  switch (architecture, variant) {
  case ("i386", _), ("i486", _), ("i586", _), ("i686", _): ("386", "")
  case ("x86_64", _), ("x86-64", _), ("amd64", _): ("amd64", variant == "v1" ? "" : variant)
  case ("aarch64", _), ("arm64", _): ("arm64", variant == "8" || variant == "v8" ? "" : variant)
  case ("armhf", _): ("arm", "v7")
  case ("armel", _): ("arm", "v6")
  case ("arm", ""), ("arm", "7"): ("arm", "v7")
  case ("arm", "5"), ("arm", "6"), ("arm", "8"): ("arm", "v" + variant)
  default: (architecture, variant)
  }
}
