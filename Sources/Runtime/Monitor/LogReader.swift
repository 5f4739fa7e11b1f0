package import Basics
internal import CLinux
internal import Glibc
package import LinuxKernel

/// What `dhow logs` shows of a container's log.
package struct LogOptions: Sendable {
  package var follow = false
  /// RFC 3339 with nine digits before each line.
  package var timestamps = false
  /// The constant members of the log options before each line.
  package var details = false
  /// Entries from the end; nil for all.
  package var tail: Int?
  package var since: Timestamp?
  package var until: Timestamp?
  package var stdout = true
  package var stderr = true

  package init() {}
}

/// Shows a container's log: what came to stdout on one descriptor, what came to stderr on another, byte for byte.
package final class LogReader {
  private static let blockSize = 262_144
  /// No entry of ours is longer; what is longer is not ours and is skipped.
  private static let lineLimit = 524_288
  private static let outputSize = 131_072

  private let options: LogOptions
  private var files: LogFiles
  private let directory: Int32
  private let descriptors: (stdout: Int32, stderr: Int32)
  private let block: UnsafeMutableRawBufferPointer
  private var filled = 0
  private let output: UnsafeMutablePointer<UInt8>
  private var written = 0
  private var writing = OutputStream.stdout
  private var startsLine = (stdout: true, stderr: true)
  private var isPastUntil = false
  private var isClosed = false
  /// Why our output can take no more.
  private var failure: SystemError?

  private init(directory: Int32, options: LogOptions, stdout: Int32, stderr: Int32) {
    self.options = options
    self.directory = directory
    files = LogFiles(directory: directory)
    descriptors = (stdout, stderr)
    block = .allocate(byteCount: Self.lineLimit + Self.blockSize, alignment: 16)
    output = .allocate(capacity: Self.outputSize)
  }

  deinit {
    block.deallocate()
    output.deallocate()
  }

  /// Writes the log, and with `follow` goes on until the container has ended. A reader of ours that goes away ends it
  /// quietly.
  /// - Parameters:
  ///   - directory: the container's directory.
  ///   - running: a connection of `MonitorConnection.open`, which says when the container ends; nil when it does not
  ///     run.
  package static func copy(
    directory: Int32, _ options: LogOptions, running: consuming OwnedDescriptor?, stdout: Int32 = 1, stderr: Int32 = 2
  ) throws(EngineError) {
    _ = dhow_block_signals(Signals.bit(SIGPIPE))
    let reader = LogReader(directory: directory, options: options, stdout: stdout, stderr: stderr)
    do throws(SystemError) {
      if options.follow, let connection = running {
        MonitorConnection.requestExit(connection)
        try reader.follow(connection)
      } else {
        try reader.files.begin(tail: options.tail)
        try reader.readAll()
      }
    } catch { throw error.engineError("reading the container's log") }
    if let failure = reader.failure, failure.errno != EPIPE {
      throw failure.engineError("showing the container's log on standard output")
    }
  }

  private var isDone: Bool { isPastUntil || isClosed }

  /// Everything there is now, across files.
  private func readAll() throws(SystemError) {
    var more = true
    while more {
      try readFile()
      // Between the last read and the rotation there may have been one more write.
      if files.isRotated() { try readFile() }
      more = isDone ? false : try files.next()
    }
    flush()
  }

  private func readFile() throws(SystemError) {
    guard let raw = rawDescriptor else { return }
    while !isDone {
      let space = UnsafeMutableRawBufferPointer(rebasing: block[filled..<(filled + Self.blockSize)])
      let got = try File.read(raw, into: space, shown: LogConfiguration.fileName)
      if got == 0 { return }
      filled += got
      takeLines()
    }
  }

  private var rawDescriptor: Int32? {
    switch files.current {
    case .some(let file): file.raw
    case .none: nil
    }
  }

  /// Shows the whole lines in the block and keeps the rest of it.
  private func takeLines() {
    guard let target = block.baseAddress else { return }
    let base = UnsafeRawPointer(target)
    var start = 0
    while start < filled, let found = memchr(base + start, 0x0A, filled - start) {
      let end = UnsafeRawPointer(found) - base
      if let line = LogLine(UnsafeRawBufferPointer(start: base + start, count: end - start)) { show(line) }
      if isDone { return }
      start = end + 1
    }
    if filled - start > Self.lineLimit { start = filled }
    if start > 0 { memmove(target, base + start, filled - start) }
    filled -= start
  }

  private func show(_ line: LogLine) {
    guard line.stream == .stdout ? options.stdout : options.stderr else { return }
    if options.since != nil || options.until != nil {
      guard let time = line.timestamp else { return }
      if let since = options.since, time < since { return }
      if let until = options.until, time > until {
        isPastUntil = true
        return
      }
    }
    let extra = options.timestamps || options.details ? prefix(line) : []
    if writing != line.stream || written + line.bound + extra.count > Self.outputSize { flush() }
    writing = line.stream
    extra.withUnsafeBufferPointer {
      if let start = $0.baseAddress { (output + written).update(from: start, count: $0.count) }
    }
    written += extra.count
    let count = line.write(to: output + written)
    written += count
    let ends = count > 0 && output[written - 1] == 0x0A
    if line.stream == .stdout { startsLine.stdout = ends } else { startsLine.stderr = ends }
  }

  /// What stands before a line. The later parts of a long line get nothing: they go on where the one before ended.
  private func prefix(_ line: LogLine) -> [UInt8] {
    guard line.stream == .stdout ? startsLine.stdout : startsLine.stderr else { return [] }
    var result: [UInt8] = []
    if options.timestamps {
      if let time = line.timestamp { result += Array(time.rfc3339Nine.utf8) } else { result += Array(line.time) }
      result.append(UInt8(ascii: " "))
    }
    if options.details {
      // Attributes of a damaged line are left out, the line itself is shown.
      if !line.attributes.isEmpty, let json = try? JSON(parsing: line.attributes), let object = json.objectValue {
        result += Array(object.members.map { "\($0.name)=\($0.value.stringValue ?? "")" }.joined(separator: ",").utf8)
      }
      result.append(UInt8(ascii: " "))
    }
    return result
  }

  private func flush() {
    guard written > 0 else { return }
    let bytes = UnsafeRawBufferPointer(start: output, count: written)
    written = 0
    do throws(SystemError) {
      try File.writeAll(writing == .stdout ? descriptors.stdout : descriptors.stderr, bytes)
    } catch {
      isClosed = true
      failure = error
    }
  }

  private func follow(_ connection: borrowing OwnedDescriptor) throws(SystemError) {
    let inotify = OwnedDescriptor(owning: try systemCall("inotify_init") { dhow_inotify_init() })
    // IN_MODIFY, IN_MOVED_TO, IN_CREATE (inotify(7)); watched before the first read, so that nothing falls in between.
    _ = try systemCall("inotify_add_watch") {
      dhow_inotify_add(inotify.raw, "/proc/self/fd/\(directory)", 0x2 | 0x80 | 0x100)
    }
    try files.begin(tail: options.tail)
    var frames = FrameReader()
    var ended = false
    while true {
      // Asked before reading: what was written before the end was announced is then read for certain.
      let isLast = ended
      try readAll()
      if isLast || isDone { return }
      var wanted = [
        pollfd(fd: inotify.raw, events: Int16(POLLIN), revents: 0),
        pollfd(fd: connection.raw, events: Int16(POLLIN), revents: 0),
        pollfd(fd: descriptors.stdout, events: 0, revents: 0),
      ]
      let ready = poll(&wanted, 3, millisecondsLeft)
      if ready < 0, errno != EINTR { throw SystemError("poll") }
      if ready == 0 { return }
      if wanted[2].revents & Int16(POLLERR) != 0 { return }
      if wanted[0].revents != 0 { drop(inotify.raw) }
      if wanted[1].revents != 0 { ended = hasEnded(connection.raw, &frames) }
    }
  }

  /// Until the moment of `until`, -1 for ever.
  private var millisecondsLeft: Int32 {
    guard let until = options.until else { return -1 }
    return Int32(clamping: max(0, (until.nanoseconds - Timestamp.now.nanoseconds) / 1_000_000 + 1))
  }

  private func drop(_ inotify: Int32) {
    var events = [UInt8](repeating: 0, count: 4096)
    while read(inotify, &events, events.count) > 0 {}
  }

  private func hasEnded(_ connection: Int32, _ frames: inout FrameReader) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 256)
    let got = dhow_receive_nowait(connection, &buffer, buffer.count)
    if got < 0 { return errno != EAGAIN && errno != EINTR }
    if got == 0 { return true }
    var ended = false
    let understood = buffer.withUnsafeBytes {
      frames.feed(UnsafeRawBufferPointer(rebasing: $0[..<got])) { kind, _ in
        if kind == AttachProtocol.Kind.exit.rawValue { ended = true }
      }
    }
    return ended || !understood
  }
}
