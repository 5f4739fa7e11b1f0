internal import Glibc
internal import LinuxKernel

/// The ends of pipes that become a program's descriptors 0, 1 and 2.
struct ChildStreams: ~Copyable {
  let stdin: OwnedDescriptor
  let stdout: OwnedDescriptor
  let stderr: OwnedDescriptor
}

/// The pipes of a program's standard streams: our ends and, until it has started, its own.
struct ProgramPipes: ~Copyable {
  /// The write end of its stdin, nil when that is /dev/null.
  var stdin: OwnedDescriptor?
  var stdout: OwnedDescriptor?
  var stderr: OwnedDescriptor?
  var child: ChildStreams?

  /// Makes the pipes; with `openStdin` false the program reads /dev/null.
  init(openStdin: Bool) throws(SystemError) {
    let output = try File.pipe()
    stdout = OwnedDescriptor(owning: output.read)
    let outputEnd = OwnedDescriptor(owning: output.write)
    let errors = try File.pipe()
    stderr = OwnedDescriptor(owning: errors.read)
    let errorsEnd = OwnedDescriptor(owning: errors.write)
    if openStdin {
      let input = try File.pipe()
      stdin = OwnedDescriptor(owning: input.write)
      let inputEnd = OwnedDescriptor(owning: input.read)
      child = ChildStreams(stdin: inputEnd, stdout: outputEnd, stderr: errorsEnd)
    } else {
      stdin = nil
      child = ChildStreams(stdin: try File.open("/dev/null", O_RDONLY), stdout: outputEnd, stderr: errorsEnd)
    }
  }

  /// -1 once they are closed.
  var childDescriptors: (stdin: Int32, stdout: Int32, stderr: Int32) {
    switch child {
    case .some(let child): (child.stdin.raw, child.stdout.raw, child.stderr.raw)
    case .none: (-1, -1, -1)
    }
  }

  /// To be called as soon as the program has started: the end of its output shows only when nobody else holds the
  /// write ends.
  mutating func closeChild() { child = nil }
}
