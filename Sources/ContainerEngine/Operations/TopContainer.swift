package import Basics
internal import Glibc
internal import LinuxKernel
package import Runtime
internal import Storage

extension Engine {
  /// The processes of a running container, by their pids on the host.
  package func containerProcesses(_ name: String) throws(EngineError) -> [ContainerProcesses.Process] {
    let doing = "listing the processes of \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    let status = try containers.status(of: id)
    if case .running(let state) = status, state.phase == .restarting { throw Self.restarting(id, doing: doing) }
    guard case .running(let state) = status, let program = state.program else {
      throw EngineError(
        .wrongState, doing, "container \(Identifier.short(id)) is not running", hint: "dhow start \(safeText(name))")
    }
    return ContainerProcesses(cgroup: CgroupPlacement(record: state.cgroup), program: program).all
  }

  /// What the host's ps(1) says with these options, of the container's processes only: its heading and their lines.
  package func containerProcesses(_ name: String, psOptions: [String]) throws(EngineError) -> [String] {
    let doing = "listing the processes of \(safeText(name))"
    let pids = Set(try containerProcesses(name).map(\.pid))
    guard let ps = Spawn.systemProgram("ps") else {
      throw EngineError(
        .unavailable, doing, "options of ps need the program ps on this host",
        hint: "apt-get install procps, or leave the options out")
    }
    let lines = try during(doing) {
      let ends = try File.pipe()
      let pid: Int32
      do throws(SystemError) {
        pid = try Spawn.start(
          ps, ["ps"] + psOptions, environment: ["PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "COLUMNS=512"],
          descriptors: [nil, ends.write, STDERR_FILENO])
      } catch {
        File.close(ends.read)
        File.close(ends.write)
        throw error
      }
      File.close(ends.write)
      let output = OwnedDescriptor(owning: ends.read)
      let bytes = try File.readAll(output.raw, limit: 64 << 20, shown: "the output of ps")
      guard try Spawn.wait(pid) == .exited(0) else {
        throw EngineError(.invalidInput, doing, "ps does not take \(safeText(psOptions.joined(separator: " ")))")
      }
      return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
    guard let heading = lines.first, let column = heading.split(separator: " ").firstIndex(of: "PID") else {
      throw EngineError(.invalidInput, doing, "Couldn't find PID field in ps output")
    }
    return [heading]
      + lines.dropFirst().filter { line in
        let fields = line.split(separator: " ")
        return fields.count > column && Int32(fields[column]).map(pids.contains) == true
      }
  }
}
