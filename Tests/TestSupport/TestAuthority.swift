internal import Glibc

/// A certificate authority of this test process and certificates it signs, made by the openssl command. Files are
/// readable by everybody, since tests run the program as another user; the keys open nothing but servers of a test.
package final class TestAuthority: Sendable {
  /// One for all tests of the process, removed at its end.
  package static let shared = Result<TestAuthority, any Error> {
    let authority = try TestAuthority()
    directoryToRemove = authority.directory
    atexit { TestAuthority.removeShared() }
    return authority
  }

  package struct Identity: Sendable {
    package let certificate: String
    package let key: String
  }

  package let directory: String
  /// The authority's own certificate, PEM.
  package var certificate: String { directory + "/ca.crt" }

  private nonisolated(unsafe) static var directoryToRemove: String?

  private static func removeShared() {
    // A directory that stays in /var/tmp harms no test.
    if let directory = directoryToRemove { _ = try? run(["rm", "-rf", directory]) }
  }

  private init() throws {
    directory = try makeTemporaryDirectory("dhow-ca", mode: 0o755)
    try write(
      """
      [ca]
      default_ca = d
      [d]
      database = \(directory)/index.txt
      new_certs_dir = \(directory)
      rand_serial = yes
      default_md = sha256
      default_days = 30
      unique_subject = no
      policy = p
      certificate = \(directory)/ca.crt
      private_key = \(directory)/ca.key
      [p]
      commonName = supplied

      """, to: directory + "/ca.cnf")
    try write("", to: directory + "/index.txt")
    try openssl(
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
      "/CN=dhow test authority", "-keyout", directory + "/ca.key", "-out", certificate)
  }

  private func openssl(_ arguments: String...) throws { try mustRun(["openssl"] + arguments) }

  /// A server's certificate for `names` (`DNS:localhost`, `IP:127.0.0.1`), by default this machine's loopback names.
  /// - Parameters:
  ///   - isExpired: it was valid in 2020 only.
  ///   - isSelfSigned: signed by nobody else.
  package func issue(
    _ stem: String, names: [String] = ["DNS:localhost", "IP:127.0.0.1", "IP:::1"], isExpired: Bool = false,
    isSelfSigned: Bool = false
  ) throws -> Identity {
    let base = "\(directory)/\(stem)"
    let identity = Identity(certificate: base + ".crt", key: base + ".key")
    if exists(identity.certificate) { return identity }
    let alternatives = "subjectAltName=" + names.joined(separator: ",")
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", identity.key]
    if isSelfSigned {
      try mustRun(
        ["openssl", "req", "-x509", "-days", "30", "-subj", "/CN=\(stem)", "-addext", alternatives, "-out"]
          + [identity.certificate] + key)
    } else {
      try mustRun(["openssl", "req", "-new", "-subj", "/CN=\(stem)", "-out", base + ".csr"] + key)
      try write(alternatives + "\n", to: base + ".ext")
      let dates = isExpired ? ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"] : []
      try mustRun(
        ["openssl", "ca", "-batch", "-notext", "-config", directory + "/ca.cnf", "-in", base + ".csr", "-out"]
          + [identity.certificate, "-extfile", base + ".ext"] + dates)
    }
    try mustRun(["chmod", "0644", identity.key])
    return identity
  }

  /// A key pair for signing tokens: RSA for RS256, else for ES256.
  package func tokenIdentity(rsa: Bool = true) throws -> Identity {
    let base = directory + (rsa ? "/token-rsa" : "/token-ec")
    let identity = Identity(certificate: base + ".crt", key: base + ".key")
    if exists(identity.certificate) { return identity }
    let kind = rsa ? ["rsa:2048"] : ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    try mustRun(
      ["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=token", "-keyout", identity.key, "-out"]
        + [identity.certificate, "-newkey"] + kind)
    return identity
  }
}
