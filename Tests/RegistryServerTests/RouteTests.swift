import OCI
import RegistryServer
import Testing

struct RouteTests {
  static let hex = String(repeating: "ab", count: 32)

  static let routes: [(String, RegistryRoute)] = {
    guard let digest = Digest(hex: hex) else { return [] }
    return [
      ("/v2/", .version), ("/v2", .version), ("/v2/_catalog", .catalog),
      ("/v2/a/tags/list", .tags(repository: "a")), ("/v2/a/b/c/tags/list", .tags(repository: "a/b/c")),
      ("/v2/tags/list/tags/list", .tags(repository: "tags/list")),
      ("/v2/a/manifests/v1.2_x-Y", .manifest(repository: "a", .tag("v1.2_x-Y"))),
      ("/v2/a/manifests/sha256:\(hex)", .manifest(repository: "a", .digest(digest))),
      ("/v2/a/manifests/sha256%3A\(hex)", .manifest(repository: "a", .digest(digest))),
      ("/v2/manifests/manifests/manifests", .manifest(repository: "manifests", .tag("manifests"))),
      ("/v2/a/blobs/sha256:\(hex)", .blob(repository: "a", digest)),
      ("/v2/a/blobs/uploads/", .uploads(repository: "a")), ("/v2/a/blobs/uploads", .uploads(repository: "a")),
      ("/v2/a/b/blobs/uploads/\(hex)", .upload(repository: "a/b", id: hex)),
      ("/v2/a/referrers/sha256:\(hex)", .referrers(repository: "a", digest)),
    ]
  }()

  @Test(arguments: routes) func `a path is an endpoint`(_ path: String, _ route: RegistryRoute) throws {
    #expect(try RegistryRoute(path: path) == route)
  }

  static let refused: [(String, Int, RegistryError.Code)] = [
    ("/", 404, .unsupported), ("/v1/", 404, .unsupported), ("/v2/a", 404, .unsupported),
    ("/v2/a/b/c", 404, .unsupported), ("/v2/a/tags/all", 404, .unsupported), ("/v2/%zz/tags/list", 404, .unsupported),
    ("/v2/A/tags/list", 400, .nameInvalid), ("/v2//tags/list", 400, .nameInvalid),
    ("/v2/a//b/tags/list", 400, .nameInvalid), ("/v2/../tags/list", 400, .nameInvalid),
    ("/v2/%2e%2e/%2e%2e/tags/list", 400, .nameInvalid), ("/v2/a%00/tags/list", 400, .nameInvalid),
    ("/v2/a:b/tags/list", 400, .nameInvalid), ("/v2/a@b/tags/list", 400, .nameInvalid),
    ("/v2/" + String(repeating: "a", count: 300) + "/tags/list", 400, .nameInvalid),
    ("/v2/a/blobs/sha256:1234", 400, .digestInvalid), ("/v2/a/blobs/md5:1234", 400, .digestInvalid),
    ("/v2/a/blobs/..", 400, .digestInvalid), ("/v2/a/manifests/sha256:xyz", 400, .digestInvalid),
    ("/v2/a/manifests/.tag", 400, .manifestInvalid), ("/v2/a/manifests/ta%20g", 400, .manifestInvalid),
    ("/v2/a/manifests/" + String(repeating: "t", count: 129), 400, .manifestInvalid),
  ]

  @Test(arguments: refused)
  func `what is none is refused`(_ path: String, _ status: Int, _ code: RegistryError.Code) {
    do throws(RegistryError) {
      let route = try RegistryRoute(path: path)
      Issue.record("taken as \(route)")
    } catch {
      #expect(error.status == status && error.code == code, "\(error)")
    }
  }

  static let names: [(String, String?)] = [
    ("busybox:1", "busybox"), ("team/app:1", "team/app"), ("localhost/team/app:1", "team/app"),
    ("localhost:5000/team/app:1", "team/app"), ("registry.example:5000/app:1", "app"),
    ("quay.io/team/app:1", "quay.io/team/app"), ("docker.io/library/x/y:1", "library/x/y"),
  ]

  @Test(arguments: names) func `a name of the store has a repository`(_ text: String, _ repository: String?) throws {
    #expect(RepositoryName.served(try Reference(parsing: text)) == repository)
  }

  static let ranges: [(String?, ByteRange)] = [
    (nil, .whole), ("bytes=0-", .part(0..<10)), ("bytes=0-0", .part(0..<1)), ("bytes=3-5", .part(3..<6)),
    ("bytes=3-99", .part(3..<10)), ("bytes=9-", .part(9..<10)), ("bytes=10-", .unsatisfiable),
    ("bytes=-3", .part(7..<10)), ("bytes=-99", .part(0..<10)), ("bytes=-0", .unsatisfiable), ("bytes=5-3", .whole),
    ("bytes=", .whole), ("bytes=-", .whole), ("bytes=a-b", .whole), ("bytes=0-1,3-4", .whole), ("items=0-1", .whole),
    ("bytes=99999999999999999999-", .whole),
  ]

  @Test(arguments: ranges) func `a range of bytes is understood`(_ text: String?, _ wanted: ByteRange) {
    var headers: [(String, String)] = []
    if let text { headers.append(("Range", text)) }
    #expect(asked(headers) == wanted)
    #expect(asked(headers + [("If-Range", "\"x\"")]) == wanted)
    #expect(asked(headers + [("If-Range", "\"y\"")]) == .whole, "another blob by now")
  }

  private func asked(_ fields: [(String, String)]) -> ByteRange {
    ByteRange.asked(by: headers(fields), etag: "\"x\"", size: 10)
  }
}
