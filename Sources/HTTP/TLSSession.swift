internal import COpenSSL
internal import Glibc
internal import LinuxKernel

/// One TLS connection over a socket. OpenSSL does the TLS; the bytes of the socket pass through a BIO of ours, because
/// its own would raise SIGPIPE.
final class TLSSession {
  private let ssl: OpaquePointer
  /// Lives as long as the BIO that points to it.
  private let link: UnsafeMutablePointer<SocketLink>
  private var announced = false
  private var established = false
  /// An end or a failure that the last read met behind its bytes.
  private var heldBack: TransferOutcome?

  /// What the BIO's functions know of the socket.
  struct SocketLink {
    var socket: Int32 = -1
    var code: Int32 = 0
    var ended = false
    /// The first five bytes that came: they tell TLS from an answer in the clear.
    var first: (UInt8, UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0, 0)
    var firstCount = 0
  }

  /// - Parameter name: the host the certificate must be for; nil for a server.
  init(_ context: TLSContext, name: String?) throws(HTTPFailure) {
    ERR_clear_error()
    guard let ssl = SSL_new(context.pointer), let method = SocketBIO.method, let bio = BIO_new(method) else {
      throw HTTPFailure(.tls(.other), "TLS cannot be set up: " + TLSContext.lastReason())
    }
    self.ssl = ssl
    link = .allocate(capacity: 1)
    link.initialize(to: SocketLink())
    BIO_set_data(bio, link)
    BIO_set_init(bio, 1)
    SSL_set_bio(ssl, bio, bio)
    guard let name else {
      SSL_set_accept_state(ssl)
      return
    }
    SSL_set_connect_state(ssl)
    try expect(name)
  }

  deinit {
    SSL_free(ssl)
    link.deallocate()
  }

  /// The certificate must name this host, or this IP address (RFC 6125, RFC 9110 section 4.3.4).
  private func expect(_ name: String) throws(HTTPFailure) {
    let accepted: Bool
    if isAddress(name) {
      accepted = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1
    } else {
      accepted = dhow_tls_expect_host(ssl, name) == 1
    }
    if !accepted { throw HTTPFailure(.tls(.other), "\(name): not a name that a certificate could have") }
  }

  func attach(_ socket: Int32) { link.pointee.socket = socket }

  func handshake() -> TransferOutcome {
    ERR_clear_error()
    let answer = SSL_do_handshake(ssl)
    guard answer != 1 else {
      established = true
      return .moved(0)
    }
    return outcome(answer)
  }

  /// Reads until `target` is full or nothing more is there.
  func read(into target: UnsafeMutableRawBufferPointer) -> TransferOutcome {
    if let heldBack { return heldBack }
    var total = 0
    while total < target.count, let base = target.baseAddress {
      ERR_clear_error()
      var count = 0
      let answer = SSL_read_ex(ssl, base + total, target.count - total, &count)
      if answer == 1 {
        total += count
      } else {
        let outcome = outcome(answer)
        guard total > 0 else { return outcome }
        // What came before an end or a failure is delivered first.
        switch outcome {
        case .ended, .failed: heldBack = outcome
        default: break
        }
        return .moved(total)
      }
    }
    return .moved(total)
  }

  func write(_ bytes: UnsafeRawBufferPointer) -> TransferOutcome {
    ERR_clear_error()
    var count = 0
    let answer = SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count)
    return answer == 1 ? .moved(count) : outcome(answer)
  }

  /// Whether a byte of data, or an end, is there; session tickets on the way are swallowed.
  func hasInput() -> Bool {
    ERR_clear_error()
    var byte: UInt8 = 0
    var count = 0
    let answer = SSL_peek_ex(ssl, &byte, 1, &count)
    if answer == 1 { return true }
    if case .wantsRead = outcome(answer) { return false }
    return true
  }

  /// close_notify, as far as the socket takes it now.
  func announceEnd() {
    guard established, !announced else { return }
    announced = true
    ERR_clear_error()
    SSL_shutdown(ssl)
  }

  private func outcome(_ answer: Int32) -> TransferOutcome {
    switch SSL_get_error(ssl, answer) {
    case SSL_ERROR_WANT_READ: return .wantsRead
    case SSL_ERROR_WANT_WRITE: return .wantsWrite
    case SSL_ERROR_ZERO_RETURN: return .ended
    case SSL_ERROR_SYSCALL:
      announced = true
      let code = link.pointee.code
      if code != 0 { return .failed(.system(SystemError("receive", errno: code))) }
      return established ? .failed(.cut) : .ended
    default:
      announced = true
      return .failed(problem())
    }
  }

  private func problem() -> TransferProblem {
    let code = ERR_peek_error()
    let reason = dhow_error_reason(code)
    if reason == SSL_R_UNEXPECTED_EOF_WHILE_READING { return .cut }
    if link.pointee.firstCount > 0, !established, !looksLikeTLS {
      return .tls(.notTLS, "the answer is not TLS" + (looksLikeHTTP ? " but plain http" : ""))
    }
    if reason == SSL_R_CERTIFICATE_VERIFY_FAILED {
      let verdict = SSL_get_verify_result(ssl)
      return .tls(TLSSession.problem(ofVerdict: Int32(verdict)), TLSSession.words(ofVerdict: verdict))
    }
    return .tls(TLSSession.problem(ofReason: reason), TLSContext.words(code))
  }

  private var looksLikeTLS: Bool { (0x14...0x18).contains(link.pointee.first.0) && link.pointee.first.1 == 3 }
  private var looksLikeHTTP: Bool {
    let first = link.pointee.first
    return first.0 == UInt8(ascii: "H") && first.1 == UInt8(ascii: "T") && first.2 == UInt8(ascii: "T")
  }

  private static func words(ofVerdict verdict: Int) -> String {
    X509_verify_cert_error_string(verdict).map { "the certificate is not valid: " + String(cString: $0) } ?? "?"
  }

  private static func problem(ofVerdict verdict: Int32) -> HTTPFailure.TLSProblem {
    switch verdict {
    case X509_V_ERR_CERT_HAS_EXPIRED: .expired
    case X509_V_ERR_CERT_NOT_YET_VALID: .notYetValid
    case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: .wrongName
    case X509_V_ERR_CERT_REVOKED: .revoked
    default: .untrusted
    }
  }

  private static func problem(ofReason reason: Int32) -> HTTPFailure.TLSProblem {
    switch reason {
    case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, SSL_R_WRONG_VERSION_NUMBER,
      SSL_R_WRONG_SSL_VERSION, SSL_R_NO_PROTOCOLS_AVAILABLE, SSL_R_VERSION_TOO_LOW:
      .version
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, SSL_R_TLSV1_ALERT_UNKNOWN_CA,
      SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
      .clientCertificate
    case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST: .notTLS
    default: .other
    }
  }
}

/// The functions by which OpenSSL reaches our sockets.
private enum SocketBIO {
  nonisolated(unsafe) static let method: OpaquePointer? = {
    guard let method = BIO_meth_new(BIO_get_new_index() | 0x0400, "dhow socket") else { return nil }
    BIO_meth_set_write(method) { bio, bytes, count in
      guard let bio, let bytes, let link = link(of: bio) else { return -1 }
      dhow_bio_no_retry(bio)
      let sent = send(link.pointee.socket, bytes, Int(count), Int32(MSG_NOSIGNAL))
      if sent >= 0 { return Int32(sent) }
      if errno == EAGAIN || errno == EINTR { dhow_bio_retry(bio, 1) } else { link.pointee.code = errno }
      return -1
    }
    BIO_meth_set_read(method) { bio, bytes, count in
      guard let bio, let bytes, let link = link(of: bio) else { return -1 }
      dhow_bio_no_retry(bio)
      let got = Glibc.recv(link.pointee.socket, bytes, Int(count), 0)
      if got > 0 {
        note(bytes, got, link)
        return Int32(got)
      }
      if got == 0 {
        link.pointee.ended = true
        return 0
      }
      if errno == EAGAIN || errno == EINTR { dhow_bio_retry(bio, 0) } else { link.pointee.code = errno }
      return -1
    }
    BIO_meth_set_ctrl(method) { bio, command, _, _ in
      switch command {
      case BIO_CTRL_FLUSH: return 1
      case BIO_CTRL_EOF: return bio.flatMap { link(of: $0) }?.pointee.ended == true ? 1 : 0
      default: return 0
      }
    }
    return method
  }()

  private static func link(of bio: OpaquePointer) -> UnsafeMutablePointer<TLSSession.SocketLink>? {
    BIO_get_data(bio)?.assumingMemoryBound(to: TLSSession.SocketLink.self)
  }

  private static func note(
    _ bytes: UnsafeMutablePointer<CChar>, _ count: Int, _ link: UnsafeMutablePointer<TLSSession.SocketLink>
  ) {
    guard link.pointee.firstCount < 5 else { return }
    withUnsafeMutableBytes(of: &link.pointee.first) { first in
      let room = min(5 - link.pointee.firstCount, count)
      for index in 0..<room { first[link.pointee.firstCount + index] = UInt8(bitPattern: bytes[index]) }
    }
    link.pointee.firstCount = min(5, link.pointee.firstCount + count)
  }
}
