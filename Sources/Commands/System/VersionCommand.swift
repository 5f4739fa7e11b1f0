internal import Basics
internal import Glibc

/// `version`: docker's layout with a Client and a Server block; the server is this very program.
enum VersionCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Show the version information", .none)

  struct Options: CommandOptions {
    var output = FormatOptions()
  }

  static var flags: [Flag<Options>] { [FormatOptions.objectFlag.on(\.output)] }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let facts = facts()
    switch options.output.format {
    case nil, "": invocation.output.write(text(facts))
    case "json": invocation.output.line(facts.text(htmlSafe: true))
    case let source?: invocation.output.line(safeLines(try GoTemplate.ofObject(source).render(facts)))
    }
    return .success
  }

  private static func facts() -> JSON {
    var host = utsname()
    uname(&host)
    let kernel = withUnsafeBytes(of: host.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    let common: [(String, JSON)] = [
      ("Version", .string(ProductVersion.text)), ("ApiVersion", .string(ProductVersion.api)),
      ("GitCommit", .string(ProductVersion.commit)), ("GoVersion", .string(ProductVersion.language)),
      ("Os", "linux"), ("Arch", .string(ProductVersion.architecture)),
    ]
    let client: [(String, JSON)] =
      common + [("DefaultAPIVersion", .string(ProductVersion.api)), ("Context", "default")]
    let server: [(String, JSON)] =
      [
        ("Platform", ["Name": "dhow"]),
        (
          "Components",
          [
            [
              "Name": "Engine", "Version": .string(ProductVersion.text),
              "Details": [
                "ApiVersion": .string(ProductVersion.api), "Arch": .string(ProductVersion.architecture),
                "Experimental": "false", "GitCommit": .string(ProductVersion.commit),
                "GoVersion": .string(ProductVersion.language), "KernelVersion": .string(kernel),
                "MinAPIVersion": .string(ProductVersion.minimumAPI), "Os": "linux",
              ],
            ]
          ]
        ),
      ] + common + [("MinAPIVersion", .string(ProductVersion.minimumAPI)), ("KernelVersion", .string(kernel))]
    return ["Client": object(client), "Server": object(server)]
  }

  private static func object(_ members: [(String, JSON)]) -> JSON {
    .object(JSONObject(members.map { (name: $0.0, value: $0.1) }))
  }

  private static func text(_ facts: JSON) -> String {
    func value(_ block: String, _ name: String) -> String { facts[block]?[name]?.stringValue ?? "" }
    func commit(_ label: String) -> String { ProductVersion.commit.isEmpty ? "" : "\(label)\(ProductVersion.commit)\n" }
    return """
      Client:
       Version:           \(value("Client", "Version"))
       API version:       \(value("Client", "ApiVersion"))
       Swift version:     \(value("Client", "GoVersion"))
      \(commit(" Git commit:        ")) OS/Arch:           linux/\(value("Client", "Arch"))
       Context:           default

      Server: dhow
       Engine:
        Version:          \(value("Server", "Version"))
        API version:      \(value("Server", "ApiVersion")) (minimum version \(value("Server", "MinAPIVersion")))
        Swift version:    \(value("Server", "GoVersion"))
      \(commit("  Git commit:       "))  OS/Arch:          linux/\(value("Server", "Arch"))
        Kernel version:   \(value("Server", "KernelVersion"))
        Experimental:     false

      """
  }
}
