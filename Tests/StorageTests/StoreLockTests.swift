import Basics
import LinuxKernel
import TestSupport
import Testing
import store_probe

@testable import Storage

@Suite struct StoreLockTests {
  private func isFree(_ kind: StoreLock.Kind, in store: StateDirectory, shared: Bool = false) throws -> Bool {
    switch try StoreLock.attempt(kind, in: store, shared: shared) {
    case .some: true
    case nil: false
    }
  }

  /// A process that another test is just starting holds all locks of this one until its exec.
  private func becomesFree(_ kind: StoreLock.Kind, in store: StateDirectory, shared: Bool = false) throws -> Bool {
    try eventually { try isFree(kind, in: store, shared: shared) }
  }

  @Test func `an exclusive lock keeps others out, shared ones go together`() throws {
    try withStore { store in
      try store.prepare()
      let other = try store.reopened()
      do {
        let shared = try StoreLock.acquire(.content, in: store, shared: true)
        #expect(try becomesFree(.content, in: other, shared: true))
        #expect(try !isFree(.content, in: other))
        withExtendedLifetime(shared) {}
      }
      #expect(try becomesFree(.content, in: other))
    }
  }

  /// SECURITY F9.
  @Test func `a waiter says whom it waits for`() throws {
    try withStore { store in
      try store.prepare()
      let other = try store.reopened()
      var holder: StoreLock? = try StoreLock.acquire(.content, in: store)
      var said: [String] = []
      let lock = try StoreLock.acquire(.content, in: other, shared: false, patience: 1_000_000) {
        said.append($0)
        holder = nil
      }
      let pid = ProcessIdentity.current?.pid ?? 0
      #expect(said == ["waiting for the store's images, which process \(pid) holds"])
      withExtendedLifetime(lock) {}
      withExtendedLifetime(holder) {}
    }
  }

  @Test func `who wants the lock alone goes before those who come to share it`() throws {
    try withStore { store in
      try store.prepare()
      let other = try store.reopened()
      // As of a process that waits for the lock alone.
      var turn: FileLock? = try FileLock.acquire(at: store.root.raw, StatePath.lock("content") + ".next")
      var said = 0
      let lock = try StoreLock.acquire(.content, in: other, shared: true, patience: 1_000_000) { _ in
        said += 1
        turn = nil
      }
      #expect(said == 1)
      withExtendedLifetime(lock) {}
      withExtendedLifetime(turn) {}
    }
  }

  @Test func `a container's lock is its own and goes with it`() throws {
    try withStore { store in
      let one = try store.makeContainer("one")
      let two = try store.makeContainer("two")
      let containers = ContainerStore(store)
      let others = ContainerStore(try store.reopened())
      let lock = try containers.lock(one.id, doing: "x")
      #expect(try !isFree(.container(one.id), in: others.directory))
      #expect(try becomesFree(.container(two.id), in: others.directory))
      withExtendedLifetime(lock) {}
    }
  }

  @Test func `a sweep goes with any lock held, since nobody waits in it`() throws {
    try withStore { store in
      let record = try store.makeContainer("one")
      let container = try ContainerStore(store).lock(record.id, doing: "x")
      let content = try StoreLock.acquire(.content, in: store, shared: true)
      try GarbageCollector(store).sweep()
      withExtendedLifetime(container) {}
      withExtendedLifetime(content) {}
    }
  }
}
