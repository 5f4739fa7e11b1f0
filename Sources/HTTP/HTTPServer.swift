internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// A listening socket. Whether a connection gets a process, a thread or nothing of its own is the caller's choice.
package final class HTTPServer {
  /// The port listened on; 0 for a unix socket.
  package let port: UInt16
  /// For poll(2) beside other descriptors: readable when a client waits.
  package private(set) var descriptor: Int32

  private let tls: TLSContext?
  private let settings: HTTPServerSettings

  package init(
    _ address: ListenAddress, tls: TLSIdentity? = nil, settings: HTTPServerSettings = HTTPServerSettings()
  ) throws(HTTPFailure) {
    self.settings = settings
    if let tls { self.tls = try TLSContext(server: tls) } else { self.tls = nil }
    switch address {
    case .tcp(let host, let port):
      let listener = try Listener.tcp(host: host, port: port)
      descriptor = listener.socket
      self.port = listener.port
    case .unix(let path, let mode):
      descriptor = try Listener.unix(path: path, mode: mode)
      port = 0
    }
  }

  deinit { close() }

  /// The next client; waits for it unless `timeout` is over first (nil). TLS begins with the first `nextRequest`, so a
  /// slow client holds up nobody here.
  package func accept(timeout: Duration? = nil) throws(HTTPFailure) -> HTTPServerConnection? {
    let deadline = timeout.map { MonotonicClock.now + $0.inNanoseconds }
    while true {
      let left = deadline.map { Int32(clamping: max(0, $0 - MonotonicClock.now + 999_999) / 1_000_000) } ?? -1
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&entry, 1, left)
      if ready == 0 { return nil }
      if ready < 0 {
        if errno == EINTR { continue }
        throw HTTPFailure(SystemError("poll"))
      }
      let client = dhow_accept4(descriptor, Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue))
      if client >= 0 {
        if port != 0 { sendWithoutDelay(client) }
        let name = port == 0 ? "unix socket" : Listener.peerName(client)
        return HTTPServerConnection(OwnedDescriptor(owning: client), peer: name, settings: settings, tls: tls)
      }
      switch errno {
      // The client is gone again, or the network had a word about it (accept(2), "Error handling").
      case EINTR, EAGAIN, ECONNABORTED, ENETDOWN, EPROTO, EHOSTDOWN, EHOSTUNREACH, ENETUNREACH: continue
      default: throw HTTPFailure(SystemError("accept"))
      }
    }
  }

  /// Stops listening: in a forked child, and at the end.
  package func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }
}

/// Sockets that listen.
private enum Listener {
  static func tcp(host: String, port: UInt16) throws(HTTPFailure) -> (socket: Int32, port: UInt16) {
    let shown = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    dhow_plain_host_lookup()
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV | AI_PASSIVE
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host.isEmpty ? nil : host, String(port), &hints, &list) == 0, let first = list?.pointee else {
      throw HTTPFailure(.resolve, "\(shown): no such address to listen on", isRetryable: false)
    }
    defer { freeaddrinfo(list) }
    func failed(_ call: String, _ descriptor: Int32 = -1) -> HTTPFailure {
      let error = SystemError(call, shown)
      if descriptor >= 0 { close(descriptor) }
      return HTTPFailure(error)
    }
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(first.ai_family, kind, 0)
    guard descriptor >= 0 else { throw failed("socket") }
    var on: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    guard bind(descriptor, first.ai_addr, first.ai_addrlen) == 0 else { throw failed("listen", descriptor) }
    guard listen(descriptor, 128) == 0 else { throw failed("listen", descriptor) }
    return (descriptor, named(descriptor, getsockname)?.port ?? port)
  }

  static func unix(path: String, mode: UInt32) throws(HTTPFailure) -> Int32 {
    let slash = path.lastIndex(of: "/")
    let directory = slash.map { path[..<$0].isEmpty ? "/" : String(path[..<$0]) } ?? "."
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    do throws(SystemError) {
      let parent = try File.openDirectory(directory, followLink: true)
      if let status = try? File.status(at: parent.raw, name), status.kind == .socket {  // Absence is what we wish for.
        let other = dhow_unix_connect(parent.raw, name)
        if other >= 0 {
          Glibc.close(other)
          throw SystemError("listen", path, errno: EADDRINUSE)
        }
        try File.removeIfPresent(at: parent.raw, name)
      }
      let socket = try systemCall("listen", path) { dhow_unix_listen(parent.raw, name) }
      // Made for its owner only; opened to more afterwards.
      if mode != 0o600 { try systemCall("chmod", path) { fchmodat(parent.raw, name, mode, 0) } }
      return socket
    } catch { throw HTTPFailure(error) }
  }

  static func peerName(_ socket: Int32) -> String {
    guard let (address, port) = named(socket, getpeername) else { return "?" }
    return address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
  }

  private static func named(
    _ socket: Int32, _ call: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
  ) -> (address: String, port: UInt16)? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard call(socket, address, &size) == 0 else { return nil }
        var host = [CChar](repeating: 0, count: 64)
        var service = [CChar](repeating: 0, count: 8)
        let answer = getnameinfo(
          address, size, &host, socklen_t(host.count), &service, socklen_t(service.count),
          NI_NUMERICHOST | NI_NUMERICSERV)
        guard answer == 0 else { return nil }
        return (text(host), UInt16(text(service)) ?? 0)
      }
    }
  }

  private static func text(_ buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
