internal import Basics
internal import CLinux
internal import Glibc
internal import LayerArchive
internal import LinuxKernel
internal import Storage

/// Compresses a file with gzip in several processes, each of which does every n-th block: the same bytes as `BlockGzip`.
struct ParallelGzip {
  static let mostProcesses = 8
  private static let setParentDeathSignal: Int32 = 1

  let file: Int32
  let size: Int64
  let level: Int
  /// A directory for files without a name.
  let scratch: Int32
  let doing: String

  private var blocks: Int {
    max(1, Int((size + Int64(BlockDeflater.blockBytes) - 1) / Int64(BlockDeflater.blockBytes)))
  }

  /// What a worker says of a block: bytes it became.
  private struct Note {
    var count: UInt32 = 0
  }

  private struct Worker {
    var pid: Int32
    var notes: Int32
    var output: Int32
    var position: Int64 = 0
  }

  /// - Parameters:
  ///   - seen: given the uncompressed bytes, in order.
  ///   - sink: given the compressed ones.
  func run(
    seen: (UnsafeRawBufferPointer) -> Void, sink: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let processors = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    let width = min(blocks, max(1, processors), Self.mostProcesses)
    var workers: [Worker] = []
    defer {
      for worker in workers {
        close(worker.notes)
        close(worker.output)
        // It has ended, or nobody needs it any more.
        kill(worker.pid, SIGKILL)
        _ = try? Spawn.wait(worker.pid)
      }
    }
    for index in 0..<width { workers.append(try start(index, of: width)) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: BlockDeflater.blockBytes * 2, alignment: 16)
    defer { buffer.deallocate() }
    for block in 0..<blocks {
      let note = try read(&workers[block % width], into: buffer)
      try sink(UnsafeRawBufferPointer(rebasing: buffer[..<Int(note.count)]))
      seen(try input(block, into: buffer))
    }
  }

  private func input(_ block: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> UnsafeRawBufferPointer {
    let offset = Int64(block) * Int64(BlockDeflater.blockBytes)
    let count = Int(min(Int64(BlockDeflater.blockBytes), size - offset))
    try readFully(file, at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
    return UnsafeRawBufferPointer(rebasing: buffer[..<count])
  }

  private func readFully(_ file: Int32, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws {
    var done = 0
    while done < buffer.count {
      let count = try systemCall("read", doing) {
        pread(file, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset) + off_t(done))
      }
      guard count > 0 else { throw EngineError(.corrupt, doing, "the blob in the store is shorter than it was") }
      done += count
    }
  }

  /// The next block of a worker.
  private func read(_ worker: inout Worker, into buffer: UnsafeMutableRawBufferPointer) throws -> Note {
    var note = Note()
    let got = try withUnsafeMutableBytes(of: &note) { bytes in
      // Four bytes go through a pipe as one.
      try systemCall("read", doing) { Glibc.read(worker.notes, bytes.baseAddress, bytes.count) }
    }
    guard got == MemoryLayout<Note>.size, note.count > 0, Int(note.count) <= buffer.count else {
      throw EngineError(.internal, doing, "a process that compressed a layer ended before it was done")
    }
    try readFully(
      worker.output, at: worker.position, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(note.count)]))
    worker.position += Int64(note.count)
    return note
  }

  private func start(_ index: Int, of width: Int) throws -> Worker {
    let output = try File.open(at: scratch, ".", O_RDWR | CompressedLayer.withoutName, mode: 0o600)
    let ends = try File.pipe()
    let parent = getpid()
    let pid: Int32
    do throws(SystemError) { pid = try Spawn.fork() } catch {
      close(ends.read)
      close(ends.write)
      throw error
    }
    if pid == 0 {
      _ = dhow_prctl(Self.setParentDeathSignal, UInt(SIGKILL), 0)
      if getppid() != parent { _exit(1) }
      let isDone: Void? = try? work(index, of: width, output: output.raw, notes: ends.write)  // Told by the status.
      _exit(isDone == nil ? 1 : 0)
    }
    close(ends.write)
    return Worker(pid: pid, notes: ends.read, output: output.take())
  }

  private func work(_ index: Int, of width: Int, output: Int32, notes: Int32) throws {
    let deflater = try BlockDeflater(level: level, failure: ArchiveFailure(doing: doing))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: BlockDeflater.blockBytes, alignment: 16)
    for block in stride(from: index, to: blocks, by: width) {
      let input = try self.input(block, into: buffer)
      let compressed = try deflater.compress(input)
      try File.writeAll(output, compressed, shown: doing)
      let note = Note(count: UInt32(compressed.count))
      try withUnsafeBytes(of: note) { try File.writeAll(notes, $0, shown: doing) }
    }
  }
}
