internal import Basics
internal import CLinux
internal import Glibc
internal import LinuxKernel

/// Opens TCP connections: names to addresses, then all addresses in turn, each next one started when the one before has
/// not answered for a while ("happy eyeballs", RFC 8305, in its simplest form).
enum Connector {
  /// Head start of each address over the next.
  private static let stagger: Int64 = 300_000_000
  /// More addresses of one name than these are not tried.
  private static let addressLimit = 16

  private struct Candidate {
    var family: Int32
    var bytes: [UInt8]
  }

  /// - Parameter deadline: on the monotonic clock, for all addresses together.
  static func connect(host: String, port: UInt16, deadline: Int64) throws(HTTPFailure) -> OwnedDescriptor {
    let shown = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    var waiting = try interleaved(addresses(host: host, port: port))[...].prefix(addressLimit)
    var open: [pollfd] = []
    defer { for entry in open { close(entry.fd) } }
    var lastFailure: Int32 = 0
    var nextStart = MonotonicClock.now
    while !waiting.isEmpty || !open.isEmpty {
      let now = MonotonicClock.now
      if now >= deadline { break }
      if open.isEmpty || now >= nextStart, let candidate = waiting.popFirst() {
        nextStart = now + stagger
        switch start(candidate) {
        case .success(let attempt) where attempt.isConnected: return finished(attempt.socket)
        case .success(let attempt): open.append(pollfd(fd: attempt.socket, events: Int16(POLLOUT), revents: 0))
        case .failure(let error): lastFailure = error.errno
        }
        continue
      }
      let until = waiting.isEmpty ? deadline : min(deadline, nextStart)
      _ = poll(&open, nfds_t(open.count), Int32(clamping: (until - now + 999_999) / 1_000_000))
      for index in open.indices.reversed() where open[index].revents != 0 {
        let socket = open.remove(at: index).fd
        let code = pendingError(socket)
        if code == 0 { return finished(socket) }
        close(socket)
        lastFailure = code
        nextStart = MonotonicClock.now
      }
    }
    if open.isEmpty, lastFailure != 0 {
      let reason = SystemError("connect", errno: lastFailure).reason
      throw HTTPFailure(.refused, "\(shown): \(reason)", isRetryable: lastFailure != ECONNREFUSED)
    }
    throw HTTPFailure(.timeout, "\(shown): no connection in time")
  }

  private static func start(
    _ candidate: Candidate
  ) -> Result<(socket: Int32, isConnected: Bool), SystemError> {
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(candidate.family, kind, 0)
    if descriptor < 0 { return .failure(SystemError("socket")) }
    let answer = candidate.bytes.withUnsafeBytes { raw in
      raw.baseAddress.map {
        Glibc.connect(descriptor, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      } ?? -1
    }
    if answer == 0 { return .success((descriptor, true)) }
    let code = errno
    if code == EINPROGRESS || code == EINTR { return .success((descriptor, false)) }
    close(descriptor)
    return .failure(SystemError("connect", errno: code))
  }

  private static func pendingError(_ socket: Int32) -> Int32 {
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno
  }

  private static func finished(_ socket: Int32) -> OwnedDescriptor {
    sendWithoutDelay(socket)
    return OwnedDescriptor(owning: socket)
  }

  /// Every name but `localhost` goes to the system's resolver, over /etc/hosts and the DNS.
  private static func addresses(host: String, port: UInt16) throws(HTTPFailure) -> [Candidate] {
    if host == "localhost" || host.hasSuffix(".localhost") {
      // RFC 6761 section 6.3: never asked of anybody.
      return try addresses(host: "127.0.0.1", port: port) + addresses(host: "::1", port: port)
    }
    dhow_plain_host_lookup()
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV | (isAddress(host) ? AI_NUMERICHOST : 0)
    var list: UnsafeMutablePointer<addrinfo>?
    let answer = getaddrinfo(host, String(port), &hints, &list)
    guard answer == 0 else {
      let isPassing = answer == EAI_AGAIN
      let reason = isPassing ? "the name server does not answer" : "no such host"
      throw HTTPFailure(.resolve, "\(host): \(reason)", isRetryable: isPassing)
    }
    defer { freeaddrinfo(list) }
    var found: [Candidate] = []
    var next = list
    while let entry = next?.pointee {
      if let address = entry.ai_addr {
        let bytes = [UInt8](UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen)))
        found.append(Candidate(family: entry.ai_family, bytes: bytes))
      }
      next = entry.ai_next
    }
    return found
  }

  /// Both families in turn, so that a dead one costs one head start only.
  private static func interleaved(_ list: [Candidate]) -> [Candidate] {
    guard let first = list.first else { return [] }
    var own = list.filter { $0.family == first.family }[...]
    var other = list.filter { $0.family != first.family }[...]
    var result: [Candidate] = []
    while !own.isEmpty || !other.isEmpty {
      if let next = own.popFirst() { result.append(next) }
      if let next = other.popFirst() { result.append(next) }
    }
    return result
  }
}

/// Heads are sent at once, not held back for more (TCP_NODELAY). No harm on a unix socket, which refuses it.
func sendWithoutDelay(_ socket: Int32) {
  var on: Int32 = 1
  setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
}
