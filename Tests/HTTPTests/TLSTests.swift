import Glibc
import HTTP
import TestSupport
import Testing

/// Certificates for tests, made by the openssl command once per process.
struct TestCertificates: Sendable {
  let directory: String
  var authority: String { directory + "/ca.pem" }
  var server: TLSIdentity { identity("server") }

  func identity(_ name: String) -> TLSIdentity {
    TLSIdentity(certificate: "\(directory)/\(name).pem", key: "\(directory)/\(name).key")
  }

  static func shared() throws -> TestCertificates { try made.get() }

  private static let made = Result { try TestCertificates() }

  private init() throws {
    var template = Array("/tmp/dhow-tls-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw HTTPFailure(.system, "no directory") }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let script = """
      set -e; cd \(directory)
      key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $1.key; }
      authority() { key $1; openssl req -x509 -new -key $1.key -subj /CN=$1 -days 2 -out $1.pem \\
        -addext basicConstraints=critical,CA:TRUE; }
      signed() { # NAME SAN AUTHORITY START END
        key $1; openssl req -new -key $1.key -subj /CN=$1 -out $1.csr
        printf 'subjectAltName=%s\\n' "$2" >$1.ext
        : >index.txt; echo 01 >serial
        openssl ca -batch -notext -config ca.cnf -cert $3.pem -keyfile $3.key -in $1.csr -out $1.pem -extfile $1.ext \\
          -startdate $4 -enddate $5; }
      cat >ca.cnf <<E
      [ca]
      default_ca=c
      [c]
      database=index.txt
      serial=serial
      new_certs_dir=.
      default_md=sha256
      policy=p
      unique_subject=no
      rand_serial=yes
      [p]
      commonName=supplied
      E
      authority ca; authority other
      signed server IP:127.0.0.1,DNS:localhost ca 20200101000000Z 20490101000000Z
      signed wrongname DNS:elsewhere.example ca 20200101000000Z 20490101000000Z
      signed wildcard DNS:*.a.localhost ca 20200101000000Z 20490101000000Z
      signed expired IP:127.0.0.1 ca 20200101000000Z 20200102000000Z
      signed future IP:127.0.0.1 ca 20480101000000Z 20490101000000Z
      signed stranger IP:127.0.0.1 other 20200101000000Z 20490101000000Z
      signed client DNS:client ca 20200101000000Z 20490101000000Z
      key selfsigned; openssl req -x509 -new -key selfsigned.key -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \\
        -days 2 -out selfsigned.pem
      openssl pkey -in client.key -aes256 -passout pass:secret -out locked.key
      """
    let outcome = try run(["sh", "-c", script])
    guard outcome.status == 0 else { throw HTTPFailure(.system, outcome.err) }
  }
}

struct TLSTests {
  /// SECURITY B5: who is refused, and as what.
  static let servers: [(String, HTTPFailure.TLSProblem?)] = [
    ("server", nil), ("selfsigned", .untrusted), ("stranger", .untrusted), ("expired", .expired),
    ("future", .notYetValid), ("wrongname", .wrongName), ("wildcard", .wrongName),
  ]

  @Test(arguments: servers)
  func `only a good certificate is believed`(_ name: String, _ problem: HTTPFailure.TLSProblem?) throws {
    let certificates = try TestCertificates.shared()
    let server = try LoopbackServer(tls: certificates.identity(name)) { request in
      try request.respond(200, [:], .bytes(Array((request.headers.first("Authorization") ?? "-").utf8)))
    }
    let request = try HTTPRequest("GET", server.address(scheme: .https), headers: ["Authorization": "Basic c2VjcmV0"])
    let careful = HTTPClient(HTTPClientSettings(trust: TLSTrust(extraAuthorities: [certificates.authority])))
    if let problem {
      #expect(failure { _ = try careful.send(request) }?.kind == .tls(problem))
    } else {
      #expect(try careful.send(request).status == 200)
    }
    let careless = HTTPClient(HTTPClientSettings(trust: TLSTrust(verify: false)))
    #expect(try careless.send(request).status == 200)
    let system = HTTPClient(HTTPClientSettings(trust: TLSTrust()))
    #expect(failure { _ = try system.send(request) } != nil, "a private authority is nobody's by itself")
  }

  @Test func `names are checked as names`() throws {
    let certificates = try TestCertificates.shared()
    for (identity, host, isGood) in [
      ("server", "localhost", true), ("wildcard", "b.a.localhost", true),
      ("wildcard", "c.b.a.localhost", false), ("server", "a.localhost", false),
    ] {
      let server = try LoopbackServer(tls: certificates.identity(identity)) { request in try request.respond(204) }
      let client = HTTPClient(HTTPClientSettings(trust: TLSTrust(extraAuthorities: [certificates.authority])))
      let failed = failure {
        _ = try client.send(HTTPRequest("GET", WebAddress(scheme: .https, host: host, port: server.port)))
      }
      #expect(failed?.kind == (isGood ? nil : .tls(.wrongName)), "\(identity) for \(host)")
    }
  }

  @Test func `a server in the clear is told apart, and nothing is sent to it`() throws {
    let server = try LoopbackServer { request in try request.respond(200) }
    let failed = failure { _ = try HTTPClient().send(HTTPRequest("GET", server.address(scheme: .https))) }
    #expect(failed?.kind == .tls(.notTLS))
    #expect(failed?.text.contains("plain http") == true)
  }

  @Test func `TLS before 1 point 2 is refused`() throws {
    let certificates = try TestCertificates.shared()
    for version in ["tls1", "tls1_1"] {
      let old = try OpenSSLServer(certificates, ["-\(version)", "-cipher", "ALL:@SECLEVEL=0"])
      for verify in [true, false] {
        let trust = TLSTrust(verify: verify, extraAuthorities: [certificates.authority])
        let failed = failure {
          _ = try HTTPClient(HTTPClientSettings(trust: trust)).send(HTTPRequest("GET", old.address()))
        }
        #expect(failed?.kind == .tls(.version), "\(version): \(failed?.text ?? "taken")")
      }
    }
  }

  @Test func `TLS 1 point 2 and 1 point 3 of another make are spoken`() throws {
    let certificates = try TestCertificates.shared()
    for version in ["tls1_2", "tls1_3"] {
      let other = try OpenSSLServer(certificates, ["-\(version)"])
      let trust = TLSTrust(extraAuthorities: [certificates.authority])
      let answer = try HTTPClient(HTTPClientSettings(trust: trust)).send(HTTPRequest("GET", other.address()))
      #expect(String(decoding: try answer.readAll(limit: 1 << 20), as: UTF8.self).contains("Cipher"))
    }
  }

  @Test func `a client certificate is shown where it is asked for`() throws {
    let certificates = try TestCertificates.shared()
    var identity = certificates.server
    identity.clientAuthorities = certificates.authority
    let server = try LoopbackServer(tls: identity) { request in try request.respond(204) }
    func send(_ name: String?, key: String? = nil) throws -> Int {
      let own = name.map {
        TLSTrust.ClientCertificate(
          certificate: "\(certificates.directory)/\($0).pem", key: "\(certificates.directory)/\(key ?? $0).key")
      }
      let trust = TLSTrust(extraAuthorities: [certificates.authority], clientCertificate: own)
      return try HTTPClient(HTTPClientSettings(trust: trust)).send(HTTPRequest("GET", server.address(scheme: .https)))
        .status
    }
    #expect(try send("client") == 204)
    #expect(failure { _ = try send(nil) }?.kind == .tls(.clientCertificate))
    #expect(failure { _ = try send("stranger") }?.kind == .tls(.clientCertificate))
    #expect(failure { _ = try send("client", key: "server") }?.kind == .tls(.ownFiles))
    #expect(failure { _ = try send("client", key: "locked") }?.kind == .tls(.ownFiles))
    #expect(failure { _ = try send("absent") }?.kind == .tls(.ownFiles))
  }

  @Test func `a body without an end of its own is not cut unseen`() throws {
    let certificates = try TestCertificates.shared()
    let trust = TLSTrust(extraAuthorities: [certificates.authority])
    for isCut in [false, true] {
      let server = try LoopbackServer(tls: certificates.server) { connection in
        _ = try connection.nextRequest()
        try connection.send(raw: Array("HTTP/1.0 200 OK\r\n\r\nhello".utf8))
        if isCut { shutdown(connection.descriptor, Int32(SHUT_RDWR)) }
        connection.close()
      }
      let failed = failure {
        let answer = try HTTPClient(HTTPClientSettings(trust: trust)).send(
          HTTPRequest("GET", server.address(scheme: .https)))
        #expect(try answer.readAll(limit: 100) == Array("hello".utf8))
      }
      #expect(failed?.kind == (isCut ? .closed : nil))
    }
  }

  @Test func `a handshake that never comes ends in time`() throws {
    let silent = try LoopbackServer { (_: HTTPServerConnection) in usleep(900_000) }
    let settings = HTTPClientSettings(connectTimeout: .milliseconds(200))
    let failed = failure { _ = try HTTPClient(settings).send(HTTPRequest("GET", silent.address(scheme: .https))) }
    #expect(failed?.kind == .timeout)
  }
}

/// `openssl s_server -www` with the certificate of `server`, on a free port.
final class OpenSSLServer {
  private let process: ChildProcess
  private let port: UInt16

  init(_ certificates: TestCertificates, _ options: [String]) throws {
    // A port that was free a moment ago.
    let probe = try HTTPServer(.tcp(host: "127.0.0.1", port: 0))
    port = probe.port
    probe.close()
    let identity = certificates.server
    process = try ChildProcess(
      [
        "openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-www", "-quiet", "-cert", identity.certificate, "-key",
        identity.key,
      ] + options,
      environment: ["OPENSSL_CONF": "/dev/null"])
    for _ in 0..<100 {
      let reached = failure {
        _ = try HTTPClient(HTTPClientSettings(connectTimeout: .milliseconds(500))).send(
          HTTPRequest("GET", WebAddress(scheme: .http, host: "127.0.0.1", port: port)))
      }
      if reached?.kind != .refused { return }
      usleep(50_000)
    }
    throw HTTPFailure(.system, "openssl s_server does not listen")
  }

  func address() throws -> WebAddress { try WebAddress(scheme: .https, host: "127.0.0.1", port: port, target: "/") }
}
