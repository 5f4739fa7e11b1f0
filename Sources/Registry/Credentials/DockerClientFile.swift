internal import Basics
internal import HTTP

/// What docker's client file, config.json, says beside credentials.
struct DockerClientFile {
  var headers: HTTPHeaders = [:]
  var proxy: ProxySettings?

  /// Bytes of all headers together.
  private static let headerLimit = 16 << 10

  init(_ environment: RegistryEnvironment, _ doing: String) throws(EngineError) {
    guard let path = environment.dockerClientFile,
      let object = try SettingsFile.readJSON(path, doing, limit: SettingsFile.credentialLimit)
    else { return }
    do throws(JSONShapeError) {
      let fields = try JSONFields(.object(object), path)
      var size = 0
      for (name, value) in try fields.pairs("HttpHeaders") where name.lowercased().hasPrefix("x-meta-") {
        size += name.utf8.count + value.utf8.count
        guard size <= Self.headerLimit else { throw fields.failure("HttpHeaders", "is larger than 16 KiB") }
        guard name.utf8.allSatisfy(Self.isToken), value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 9 }) else {
          throw fields.failure("HttpHeaders", "has a field with characters that no header may have")
        }
        headers.add(name, value)
      }
      if let settings = try fields.fields("proxies")?.fields("default") {
        let all = try settings.optionalString("allProxy")
        proxy = ProxySettings(
          http: try settings.optionalString("httpProxy") ?? all,
          https: try settings.optionalString("httpsProxy") ?? all,
          exceptions: try settings.optionalString("noProxy") ?? "")
      }
    } catch { throw EngineError(.invalidInput, doing, safeText("\(error.path) \(error.reason)")) }
  }

  /// Characters of a field's name (RFC 9110 section 5.6.2); a part of them is enough.
  private static func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
