import Basics
import LinuxKernel
import OCI
import TestSupport
import Testing
import store_probe

@testable import Storage

@Suite struct ContainerStoreTests {
  @Test func `a published container is found by id, name and prefix`() throws {
    try withStore { store in
      let containers = ContainerStore(store)
      let record = try store.makeContainer("web")
      for text in [record.id, "web", "/web", String(record.id.prefix(12)), String(record.id.prefix(1))] {
        #expect(try containers.find(text, doing: "x") == record.id)
      }
      #expect(try containers.record(record.id)?.command == ["sh"])
      #expect(try containers.ids() == [record.id])
      #expect(names(in: store.location.root + "/staging").isEmpty)
    }
  }

  @Test(arguments: [
    "nope", "", ".", "..", "../containers", "a/b", "-rf", "\u{202E}x", String(repeating: "a", count: 300),
  ])
  func `what is no container is not found`(text: String) throws {
    try withStore { store in
      try store.makeContainer("web")
      let error = try #require(throws: EngineError.self) { try ContainerStore(store).find(text, doing: "x") }
      #expect(error.kind == .notFound)
    }
  }

  @Test func `an ambiguous prefix is refused in docker's words`() throws {
    try withStore { store in
      let containers = ContainerStore(store)
      let ids = try (0..<17).map { try store.makeContainer("c\($0 + 10)").id }
      let first = try #require(Dictionary(grouping: ids) { $0.prefix(1) }.first { $0.value.count > 1 }?.key)
      let error = try #require(throws: EngineError.self) { try containers.find(String(first), doing: "x") }
      #expect(error.reason == "Multiple IDs found with provided prefix: \(first)")
    }
  }

  /// SECURITY F11.
  @Test func `a name has one owner and the loser is told whose it is`() throws {
    try withStore { store in
      let record = try store.makeContainer("web")
      let draft = try ContainerStore(store).draft(removesItself: false)
      let error = try #require(throws: EngineError.self) { try draft.claim("web") }
      #expect(error.kind == .alreadyExists)
      #expect(error.reason.contains("The container name \"/web\" is already in use by container \"\(record.id)\"."))
    }
  }

  @Test func `a name is taken while its container is being made and free when that is given up`() throws {
    try withStore { store in
      let containers = ContainerStore(store)
      do {
        let draft = try containers.draft(removesItself: false)
        try draft.claim("web")
        let other = try ContainerStore(try store.reopened()).draft(removesItself: false)
        #expect(throws: EngineError.self) { try other.claim("web") }
      }
      #expect(names(in: store.location.root + "/names").isEmpty)
      #expect(names(in: store.location.root + "/staging").isEmpty)
      try store.makeContainer("web")
    }
  }

  @Test func `a stale name is taken over`() throws {
    try withStore { store in
      let record = try store.makeContainer("web")
      try File.rename(
        at: store.root.raw, StatePath.container(record.id), to: store.root.raw, "trash/x")
      let second = try store.makeContainer("web")
      #expect(try ContainerStore(store).find("web", doing: "x") == second.id)
    }
  }

  @Test(arguments: [
    "", ".", "..", "a", "-a", "_a", "a/b", "a b", "a\0b", "a\n", "é1", String(repeating: "a", count: 201),
  ])
  func `a bad name is refused`(name: String) throws {
    try withStore { store in
      let draft = try ContainerStore(store).draft(removesItself: false)
      let error = try #require(throws: EngineError.self) { try draft.claim(name) }
      #expect(error.kind == .invalidInput)
    }
  }

  @Test func `rename moves the name and keeps what it does not know`() throws {
    try withStore { store in
      let containers = ContainerStore(store)
      var record = try store.makeContainer("old")
      record.otherMembers["later"] = 1
      try RecordFile.write(record.json, at: store.root.raw, StatePath.containerRecord(record.id), durable: false)
      let read = try #require(try containers.record(record.id))
      _ = try containers.rename(read, to: "new")
      #expect(try containers.find("new", doing: "x") == record.id)
      #expect(throws: EngineError.self) { try containers.find("old", doing: "x") }
      #expect(names(in: store.location.root + "/names") == ["new"])
      #expect(try containers.record(record.id)?.otherMembers["later"] == 1)
    }
  }

  /// Found by scripts/stress: a sweep took the new name away between the claim and the record.
  @Test func `a name that is being given is swept only when whoever gives it is dead`() throws {
    try withStore { store in
      let containers = ContainerStore(store)
      let record = try store.makeContainer("old")
      let names = ContainerNames(try store.reopened())
      do {
        let lock = try containers.lock(record.id, doing: "x")
        try ContainerNames(store).claim("new", for: record.id)
        #expect(try names.holder(of: "new") == record.id)
        // The same again, after a first attempt that died.
        try ContainerNames(store).claim("new", for: record.id)
        withExtendedLifetime(lock) {}
      }
      #expect(try names.holder(of: "new") == nil)
      #expect(try names.holder(of: "old") == record.id)
    }
  }

  @Test func `rename to a taken name changes nothing`() throws {
    try withStore { store in
      let containers = ContainerStore(store)
      let record = try store.makeContainer("one")
      let other = try store.makeContainer("two")
      let error = try #require(throws: EngineError.self) { try containers.rename(record, to: "two") }
      #expect(error.kind == .alreadyExists)
      #expect(try containers.find("one", doing: "x") == record.id)
      #expect(try containers.find("two", doing: "x") == other.id)
    }
  }

  @Test func `a removed container is gone with its name and its runtime directory`() throws {
    try withStore { store in
      let containers = ContainerStore(store)
      let record = try store.makeContainer("web")
      _ = try containers.monitorLock(record.id)
      _ = try containers.lock(record.id, doing: "x")
      try containers.remove(record.id, name: record.name)
      #expect(try containers.ids().isEmpty)
      #expect(try containers.idsInRunRoot().isEmpty)
      #expect(names(in: store.location.root + "/names").isEmpty)
      #expect(throws: EngineError.self) { _ = try containers.lock(record.id, doing: "x") }
      #expect(try Trash(store).empty() == nil)
      #expect(names(in: store.location.root + "/trash").isEmpty)
    }
  }

  /// SECURITY E7.
  @Test(arguments: [
    ("", EngineError.Kind.corrupt), ("{", .corrupt), ("[]", .corrupt), (#"{"version":"1"}"#, .corrupt),
    (#"{"version":1}"#, .corrupt), (#"{"version":1,"id":"../x","name":"web"}"#, .corrupt),
    (#"{"version":2}"#, .unsupported),
  ]) func `a damaged or newer record is reported and disturbs no other`(text: String, kind: EngineError.Kind) throws {
    try withStore { store in
      let containers = ContainerStore(store)
      let record = try store.makeContainer("web")
      let other = try store.makeContainer("other")
      try write(text, to: "\(store.location.root)/\(StatePath.containerRecord(record.id))")
      let error = try #require(throws: EngineError.self) { try containers.record(record.id) }
      #expect(error.kind == kind)
      #expect(try containers.find("other", doing: "x") == other.id)
    }
  }

  @Test func `a record of another container is refused`() throws {
    try withStore { store in
      let record = try store.makeContainer("web")
      let other = try store.makeContainer("other")
      try RecordFile.write(other.json, at: store.root.raw, StatePath.containerRecord(record.id), durable: false)
      let error = try #require(throws: EngineError.self) { try ContainerStore(store).record(record.id) }
      #expect(error.kind == .corrupt)
    }
  }

  @Test func `a container that removes itself is marked in its inode`() throws {
    try withStore { store in
      let record = try store.makeContainer("web", removesItself: true)
      #expect(try File.status(at: store.root.raw, StatePath.container(record.id)).mode == 0o1700)
    }
  }
}
