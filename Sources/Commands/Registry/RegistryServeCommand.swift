internal import Basics
internal import ContainerEngine

/// `registry serve`: the store as a registry that others push to and pull from.
enum RegistryServeCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Serve the images of this store as a registry", .none)

  struct Options: CommandOptions {
    var request = ServeRequest()
  }

  static var flags: [Flag<Options>] {
    [
      .text("listen", nil, "address", "Listen on HOST:PORT or PORT; port 0 is a free one") {
        try setAddress($1, &$0.request)
      }.defaulting(to: "127.0.0.1:5000"),
      .toggle("read-only", nil, "Refuse pushes and deletions") { $0.request.isReadOnly = $1 },
      .text("tls-cert", nil, "file", "Serve https with this certificate (PEM, with its chain)") {
        $0.request.certificate = $1
      }.completed(by: .files),
      .text("tls-key", nil, "file", "Private key of the certificate (PEM)") { $0.request.key = $1 }
        .completed(by: .files),
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let request = options.request
    guard (request.certificate == nil) == (request.key == nil) else {
      throw EngineError(.usage, "", "--tls-cert and --tls-key come together")
    }
    try invocation.engine().serveRegistry(request) { address in
      let isOpen = request.host != "127.0.0.1" && request.host != "::1" && request.host != "localhost"
      if isOpen, !request.isReadOnly {
        invocation.showWarning(
          "whoever reaches \(address) can replace images: there is no login; --read-only forbids it")
      }
      invocation.output.line("Serving images at \(address)\(request.isReadOnly ? " (read-only)" : "")")
      try invocation.output.flush()
    }
    return .success
  }

  /// `HOST:PORT`, `[V6]:PORT`, `:PORT` for all addresses, or `PORT` for this machine only.
  private static func setAddress(_ text: String, _ request: inout ServeRequest) throws {
    let colon = text.lastIndex(of: ":")
    var host = colon.map { String(text[..<$0]) }
    let digits = colon.map { String(text[text.index(after: $0)...]) } ?? text
    if let inner = host, inner.hasPrefix("["), inner.hasSuffix("]") { host = String(inner.dropFirst().dropLast()) }
    let isNumber = !digits.isEmpty && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
    guard isNumber, let port = UInt16(digits), host?.contains(where: { $0 == "/" || $0 == " " }) != true else {
      throw FlagValueError("is no HOST:PORT")
    }
    request.port = port
    if let host { request.host = host.isEmpty ? "0.0.0.0" : host }
  }
}
