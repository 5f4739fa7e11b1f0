import Basics
import CLinux
import Glibc
import LinuxKernel
import OCI

/// Words for what a child reported.
enum LaunchFailure {
  static func error(
    _ report: dhow_report, _ plan: LaunchPlan, _ candidates: [String], _ program: RuntimeSpec.Process, doing: String
  ) -> EngineError {
    if Int(report.kind) == DHOW_REPORT_EXEC {
      let head = withUnsafeBytes(of: report.bytes) { Array($0.prefix(Int(report.head))) }
      let index = Int(report.candidate)
      let path = candidates.indices.contains(index) ? candidates[index] : program.args.first ?? ""
      return ExecFailure(
        command: program.args.first ?? "", path: path, errno: report.error, isAbsent: report.pid != 0, head: head
      ).error(doing)
    }
    let index = Int(report.operation)
    let subject = plan.subjects.indices.contains(index) ? plan.subjects[index] : "starting"
    let failure = SystemError("", errno: report.error)
    return EngineError(kind(report.error), doing, "\(subject): \(failure.reason)", hint: hint(failure))
  }

  /// Most calls of a start are refused by EPERM only where something around us does it.
  private static func hint(_ failure: SystemError) -> String? {
    failure.errno == EPERM
      ? "if this runs in another container or a sandbox, its system call filter must allow namespaces and mounts"
      : failure.defaultHint
  }

  private static func kind(_ code: Int32) -> EngineError.Kind {
    switch code {
    case EPERM, EACCES, EROFS: .denied
    case ENOENT, ENOTDIR, ELOOP: .invalidInput
    case ENOSPC, EMFILE, ENFILE, ENOMEM, EAGAIN: .limitReached
    case ENOSYS, EOPNOTSUPP: .unsupported
    default: .internal
    }
  }
}

/// Why execve(2) refused a program, told apart by what the file is.
struct ExecFailure {
  var command: String
  var path: String
  var errno: Int32
  /// No file was found under any candidate.
  var isAbsent: Bool
  /// The first bytes of the file, empty when it could not be read.
  var head: [UInt8]

  func error(_ doing: String) -> EngineError {
    let shown = safeText(path)
    switch errno {
    case ENOENT where isAbsent:
      return command.utf8.contains(UInt8(ascii: "/"))
        ? EngineError(.commandNotFound, doing, "exec \(safeText(command)): no such file in the container")
        : EngineError(.commandNotFound, doing, "exec \"\(safeText(command))\": executable file not found in $PATH")
    case ENOENT:
      guard let interpreter = interpreter else {
        return EngineError(.commandNotFound, doing, "exec \(shown): the file exists, but its interpreter does not")
      }
      let hint =
        head.starts(with: Array("#!".utf8))
        ? nil : "the image is for another libc, or its loader is missing; the program needs \(safeText(interpreter))"
      return EngineError(
        .commandNotFound, doing,
        "exec \(shown): the file exists, but its interpreter \(safeText(interpreter)) does not", hint: hint)
    case ENOEXEC:
      if let machine = elfMachine {
        return EngineError(
          .commandNotExecutable, doing, "exec \(shown): the program is for \(machine), not for this machine",
          hint: "pull the image for this platform, or install qemu-user-static with binfmt support")
      }
      return EngineError(
        .commandNotExecutable, doing, "exec \(shown): exec format error",
        hint: "a script needs a first line such as #!/bin/sh")
    case EACCES, EPERM:
      return EngineError(
        .commandNotExecutable, doing, "exec \(shown): permission denied",
        hint: "the file is not executable, is a directory, or lies on a mount with noexec")
    default:
      return EngineError(
        .commandNotExecutable, doing, "exec \(shown): \(SystemError("", errno: errno).reason)")
    }
  }

  /// The interpreter of a script's first line, or the loader an ELF file asks for.
  var interpreter: String? {
    if head.starts(with: Array("#!".utf8)) {
      let line = head.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }
      return String(decoding: line, as: UTF8.self).split(separator: " ").first.map(String.init)
    }
    guard head.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1]), let table = integer(32, 8), let count = integer(56, 2)
    else { return nil }
    for index in 0..<min(count, 64) {
      let entry = table + index * 56
      guard integer(entry, 4) == 3, let offset = integer(entry + 8, 8), let size = integer(entry + 32, 8),
        size > 1, offset >= 0, offset + size <= head.count
      else { continue }
      return String(decoding: head[offset..<offset + size - 1], as: UTF8.self)
    }
    return nil
  }

  private var elfMachine: String? {
    guard head.starts(with: [0x7F, 0x45, 0x4C, 0x46]), let machine = integer(18, 2) else { return nil }
    let names = [
      3: "386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64",
    ]
    return names[machine] ?? "machine type \(machine)"
  }

  /// A little-endian number of the file's head.
  private func integer(_ offset: Int, _ size: Int) -> Int? {
    guard offset >= 0, offset + size <= head.count else { return nil }
    var result: UInt64 = 0
    for index in (0..<size).reversed() { result = result << 8 | UInt64(head[offset + index]) }
    return Int(exactly: result)
  }
}
