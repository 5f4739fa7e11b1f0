internal import CLinux
internal import COpenSSL
internal import Glibc
internal import LinuxKernel

/// The settings that TLS connections of one client or one server share. Made only when the first is about to be opened:
/// it costs 2 ms and a megabyte.
final class TLSContext {
  let pointer: OpaquePointer

  deinit { SSL_CTX_free(pointer) }

  /// OpenSSL reads no configuration file, runs nothing at exit.
  private static let started: Bool =
    dhow_openssl_begin() == 1
    && OPENSSL_init_ssl(UInt64(OPENSSL_INIT_NO_LOAD_CONFIG) | UInt64(OPENSSL_INIT_NO_ATEXIT), nil) == 1

  private init(_ method: OpaquePointer?) throws(HTTPFailure) {
    guard TLSContext.started, let pointer = SSL_CTX_new(method) else {
      throw HTTPFailure(.tls(.other), "TLS cannot be set up: " + TLSContext.lastReason())
    }
    self.pointer = pointer
    dhow_tls_prepare(pointer)
  }

  convenience init(client trust: TLSTrust) throws(HTTPFailure) {
    try self.init(TLS_client_method())
    if trust.verify {
      SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
      try believe(trust)
    } else {
      SSL_CTX_set_verify(pointer, SSL_VERIFY_NONE, nil)
    }
    if let own = trust.clientCertificate { try identify(certificate: own.certificate, key: own.key) }
  }

  convenience init(server identity: TLSIdentity) throws(HTTPFailure) {
    try self.init(TLS_server_method())
    try identify(certificate: identity.certificate, key: identity.key)
    if let authorities = identity.clientAuthorities {
      try load(authorities)
      SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    }
  }

  private func identify(certificate: String, key: String) throws(HTTPFailure) {
    ERR_clear_error()
    guard SSL_CTX_use_certificate_chain_file(pointer, certificate) == 1 else {
      throw HTTPFailure(.tls(.ownFiles), "\(certificate): not a certificate in PEM: " + TLSContext.lastReason())
    }
    // A key with a passphrase must not make us ask a terminal.
    SSL_CTX_set_default_passwd_cb(pointer) { _, _, _, _ in 0 }
    guard SSL_CTX_use_PrivateKey_file(pointer, key, SSL_FILETYPE_PEM) == 1 else {
      throw HTTPFailure(
        .tls(.ownFiles), "\(key): not a private key in PEM without a passphrase: " + TLSContext.lastReason())
    }
    guard SSL_CTX_check_private_key(pointer) == 1 else {
      throw HTTPFailure(.tls(.ownFiles), "\(key): not the key of \(certificate)")
    }
  }

  private func load(_ file: String) throws(HTTPFailure) {
    ERR_clear_error()
    guard SSL_CTX_load_verify_file(pointer, file) == 1 else {
      throw HTTPFailure(.tls(.ownFiles), "\(file): no certificates in PEM: " + TLSContext.lastReason())
    }
  }

  private func believe(_ trust: TLSTrust) throws(HTTPFailure) {
    for file in trust.extraAuthorities { try load(file) }
    guard trust.systemAuthorities else { return }
    let file = variable("SSL_CERT_FILE")
    let directory = variable("SSL_CERT_DIR")
    if file != nil || directory != nil {
      if let file { try load(file) }
      // A directory is only searched when a certificate asks for it: an absent one holds no authorities.
      for directory in directory?.split(separator: ":") ?? [] { SSL_CTX_load_verify_dir(pointer, String(directory)) }
      return
    }
    // The hashed directory is read lazily (0.2 ms); a bundle takes 15 ms, so it is for systems that have nothing else.
    if hasHashedNames("/etc/ssl/certs") {
      SSL_CTX_load_verify_dir(pointer, "/etc/ssl/certs")
      return
    }
    for bundle in TLSContext.bundles where access(bundle, R_OK) == 0 {
      try load(bundle)
      return
    }
  }

  /// Where distributions keep their bundle: Debian, Fedora, openSUSE, Alpine.
  private static let bundles = [
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
  ]

  private func variable(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
  }

  /// True when the directory has a name as `openssl rehash` gives it: eight hexadecimal digits, a dot, a digit.
  private func hasHashedNames(_ path: String) -> Bool {
    guard let directory = opendir(path) else { return false }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let found = withUnsafeBytes(of: &entry.pointee.d_name) { name in
        name[8] == UInt8(ascii: ".") && name[10] == 0
          && name[..<8].allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
      }
      if found { return true }
    }
    return false
  }

  static func lastReason() -> String { words(ERR_peek_error()) }

  /// An OpenSSL error in its own words, lower case as our sentences are.
  static func words(_ code: UInt) -> String {
    guard code != 0 else { return "the TLS library gives no reason" }
    if ERR_reason_error_string(code) == nil { return "TLS error \(dhow_error_reason(code))" }
    return String(cString: ERR_reason_error_string(code))
  }
}

/// True for an IPv4 or IPv6 address.
func isAddress(_ host: String) -> Bool {
  var bytes = in6_addr()
  return inet_pton(AF_INET, host, &bytes) == 1 || inet_pton(AF_INET6, host, &bytes) == 1
}
