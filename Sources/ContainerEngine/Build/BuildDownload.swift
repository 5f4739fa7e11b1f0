internal import Basics
internal import Glibc
internal import HTTP
internal import ImageBuild
internal import LinuxKernel
internal import Storage

extension Engine {
  /// Bytes of a download at most.
  private static let downloadLimit: Int64 = 16 << 30
  private static let redirects = 10

  /// Fetches what ADD names by a URL: http and https only, also after a redirect.
  func fetchForBuild(_ url: String, into directory: Int32) throws(EngineError) -> BuildHost.FetchedFile {
    // A password in the URL is nobody's to read.
    let doing = "fetching \(safeText(Self.withoutCredentials(url)))"
    return try during(doing) {
      do {
        let response = try answer(url, doing: doing)
        let name = response.address.path.split(separator: "/").last.map(String.init).flatMap(percentDecoded) ?? ""
        guard !name.isEmpty, name != ".", name != "..", !name.contains("/"), !name.utf8.contains(0) else {
          throw EngineError(.invalidInput, doing, "cannot determine the file's name", hint: "name the file in the URL")
        }
        let file = try File.open(at: directory, name, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
        defer { buffer.deallocate() }
        var total: Int64 = 0
        while true {
          let count = try response.read(into: buffer)
          if count == 0 { break }
          total += Int64(count)
          guard total <= Self.downloadLimit else {
            throw EngineError(.limitReached, doing, "it is larger than \(Self.downloadLimit >> 30) GiB")
          }
          try File.writeAll(file.raw, UnsafeRawBufferPointer(rebasing: buffer[..<count]), shown: name)
        }
        return BuildHost.FetchedFile(
          name: name, modified: response.headers.first("Last-Modified").flatMap(Self.time(httpDate:)))
      } catch let failure as HTTPFailure {
        throw EngineError(.unavailable, doing, failure.text)
      }
    }
  }

  private func answer(_ url: String, doing: String) throws -> HTTPResponse {
    let client = HTTPClient(
      HTTPClientSettings(proxy: ProxySettings { name in getenv(name).map { String(cString: $0) } }))
    var address = try WebAddress(parsing: url)
    for _ in 0...Self.redirects {
      let response = try client.send(HTTPRequest("GET", address))
      switch response.status {
      case 200: return response
      case 301, 302, 303, 307, 308:
        guard let location = response.headers.first("Location") else {
          throw EngineError(.unavailable, doing, "the server redirects to nowhere")
        }
        response.discard()
        address = try address.resolving(location)
      default: throw EngineError(.unavailable, doing, "the server answers \(response.status)")
      }
    }
    throw EngineError(.limitReached, doing, "more than \(Self.redirects) redirects")
  }

  private static func withoutCredentials(_ url: String) -> String {
    guard let at = url.firstIndex(of: "@"), let scheme = url.firstIndex(of: ":"), scheme < at else { return url }
    return String(url[...scheme]) + "//" + url[url.index(after: at)...]
  }

  /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7); nil for anything else.
  static func time(httpDate text: String) -> Timestamp? {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let words = text.split(separator: " ")
    guard words.count == 6, let month = months.firstIndex(of: String(words[2])), words[1].utf8.count == 2 else {
      return nil
    }
    let number = month + 1 < 10 ? "0\(month + 1)" : "\(month + 1)"
    return Timestamp(rfc3339: "\(words[3])-\(number)-\(words[1])T\(words[4])Z")
  }
}
