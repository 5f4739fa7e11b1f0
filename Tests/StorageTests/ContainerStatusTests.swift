import Basics
import LinuxKernel
import Storage
import TestSupport
import Testing
import store_probe

private let startedAt = Timestamp(seconds: 1000)

@Suite struct ContainerStatusTests {
  /// A container in a store, this process as its monitor and as its program.
  private func withContainer(_ body: (ContainerStore, String, ContainerState, StartRecord) throws -> Void) throws {
    try withStore { store in
      let containers = ContainerStore(store)
      let record = try store.makeContainer("web")
      let me = try #require(ProcessIdentity.current)
      let state = ContainerState(
        bootID: try store.bootID(), monitor: me, program: me, phase: .running, startedAt: startedAt)
      let start = StartRecord(bootID: state.bootID, monitor: me, program: me, startedAt: startedAt)
      try body(containers, record.id, state, start)
    }
  }

  /// A process that has ended: its pid is free, or another's.
  private var dead: ProcessIdentity {
    get throws {
      let me = try #require(ProcessIdentity.current)
      return ProcessIdentity(pid: me.pid, startTime: me.startTime - 1)
    }
  }

  @Test func `a new container is created`() throws {
    try withContainer { containers, id, _, _ in
      let status = try containers.status(of: id)
      #expect(status == .created)
    }
  }

  @Test func `a monitor that lives is believed`() throws {
    try withContainer { containers, id, state, start in
      let lock = try containers.monitorLock(id)
      defer { withExtendedLifetime(lock) {} }
      try containers.write(start, of: id, durable: false)
      for phase in [ContainerState.Phase.running, .paused] {
        var state = state
        state.phase = phase
        try containers.write(state, of: id)
        #expect(try containers.status(of: id) == .running(state))
      }
    }
  }

  @Test func `an exit record of this run ends it even before the monitor does`() throws {
    try withContainer { containers, id, state, start in
      let lock = try containers.monitorLock(id)
      defer { withExtendedLifetime(lock) {} }
      let exit = ExitRecord(code: 3, startedAt: startedAt, finishedAt: Timestamp(seconds: 1001))
      try containers.write(start, of: id, durable: false)
      try containers.write(state, of: id)
      try containers.write(exit, of: id, durable: true)
      #expect(try containers.status(of: id) == .exited(exit))
      try containers.removeState(of: id)
      #expect(try containers.status(of: id) == .exited(exit))
    }
  }

  @Test func `an exit record of an earlier run does not end this one`() throws {
    try withContainer { containers, id, state, start in
      let lock = try containers.monitorLock(id)
      defer { withExtendedLifetime(lock) {} }
      let exit = ExitRecord(code: 3, startedAt: Timestamp(seconds: 5), finishedAt: Timestamp(seconds: 6))
      try containers.write(exit, of: id, durable: false)
      try containers.write(start, of: id, durable: false)
      try containers.write(state, of: id)
      #expect(try containers.status(of: id) == .running(state))
    }
  }

  /// SECURITY F2.
  @Test func `a monitor that died without a word left the container lost, with no exit code`() throws {
    try withContainer { containers, id, state, start in
      var start = start
      start.monitor = try dead
      start.program = try dead
      do { _ = try containers.monitorLock(id) }
      try containers.write(start, of: id, durable: false)
      try containers.write(state, of: id)
      #expect(try containers.status(of: id) == .lost(start, survivor: nil))
      start.program = ProcessIdentity.current
      try containers.write(start, of: id, durable: false)
      #expect(try containers.status(of: id) == .lost(start, survivor: start.program))
    }
  }

  /// SECURITY F7.
  @Test func `state of another boot is void and its pids are nobody's`() throws {
    try withContainer { containers, id, state, start in
      var (state, start) = (state, start)
      state.bootID = "another"
      start.bootID = "another"
      let lock = try containers.monitorLock(id)
      defer { withExtendedLifetime(lock) {} }
      try containers.write(start, of: id, durable: false)
      try containers.write(state, of: id)
      #expect(try containers.status(of: id) == .lost(start, survivor: nil))
    }
  }

  /// SECURITY F8.
  @Test func `a runtime directory removed under a running container leaves it running`() throws {
    try withContainer { containers, id, state, start in
      let lock = try containers.monitorLock(id)
      defer { withExtendedLifetime(lock) {} }
      try containers.write(start, of: id, durable: false)
      try containers.write(state, of: id)
      try mustRun(["rm", "-rf", "--", containers.directory.location.runRoot])
      let again = ContainerStore(try containers.directory.reopened())
      #expect(try again.status(of: id).isRunning)
    }
  }

  @Test func `a second monitor is refused`() throws {
    try withContainer { containers, id, _, _ in
      let lock = try containers.monitorLock(id)
      defer { withExtendedLifetime(lock) {} }
      let error = try #require(throws: EngineError.self) { _ = try containers.monitorLock(id) }
      #expect(error.kind == .wrongState)
    }
  }
}
