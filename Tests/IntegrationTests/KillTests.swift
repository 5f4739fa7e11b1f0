import TestSupport
import Testing

/// kill -9 at every named point of an operation: the store works afterwards, and says it is clean after its own sweep.
@Suite(.serialized, .runsContainers)
struct KillTests {
  /// An operation, what it needs before, and how to see that it can be done again.
  struct Operation: CustomTestStringConvertible, Sendable {
    let name: String
    let prepare: [[String]]
    let command: [String]
    var testDescription: String { name }

    init(_ name: String, after prepare: [[String]] = [], _ command: [String]) {
      self.name = name
      self.prepare = prepare
      self.command = command
    }
  }

  private static let created = ["create", "--name", "cc", "--network", "none", "busybox", "sleep", "100"]
  private static let running = ["run", "-d", "--name", "cc", "--network", "none", "busybox", "sleep", "100"]

  static let operations: [Operation] = [
    Operation("load", ["load", "-q", "-i", "BUSYBOX"]),
    Operation("import", ["import", "BUSYBOX-LAYER", "imported:latest"]),
    Operation("tag", ["tag", "busybox", "other:name"]),
    Operation("rmi", after: [["tag", "busybox", "other:name"]], ["rmi", "other:name"]),
    Operation("create", created),
    Operation("start", after: [created], ["start", "cc"]),
    Operation("run", ["run", "--name", "cc", "--network", "none", "busybox", "true"]),
    Operation("run --rm", ["run", "--rm", "--network", "none", "busybox", "true"]),
    Operation("run -d", running),
    Operation("run with a new volume", ["run", "--rm", "-v", "data:/etc", "--network", "none", "busybox", "true"]),
    Operation("volume rm", after: [["volume", "create", "data"]], ["volume", "rm", "data"]),
    Operation("rename", after: [created], ["rename", "cc", "dd"]),
    Operation("rm", after: [created], ["rm", "cc"]),
    Operation("rm -f", after: [running], ["rm", "-f", "cc"]),
    Operation("update", after: [created], ["update", "--restart", "always", "cc"]),
    Operation("cp in", after: [created], ["cp", "BUSYBOX-LAYER", "cc:/layer"]),
    Operation("cp out", after: [created], ["cp", "cc:/etc", "COPY"]),
  ]

  private func prepared(_ operation: Operation, _ store: Store) throws -> [String] {
    try store.loadBusybox()
    for command in operation.prepare {
      let outcome = try store.dhow(command)
      guard outcome.succeeded else { throw FixtureError(outcome.description) }
    }
    return try operation.command.map { word in
      switch word {
      case "BUSYBOX": try ImageFixture.busybox()
      case "BUSYBOX-LAYER": try ImageFixture.busyboxLayer()
      case "COPY": store.directory + "/copy"
      default: word
      }
    }
  }

  @Test(arguments: operations)
  func `killed at any point, the store works`(operation: Operation) throws {
    let points = try withStore { store in
      let command = try prepared(operation, store)
      // A load of what is there already passes fewer points than one into an empty store.
      if operation.name == "load" { try store.must("rmi", "-f", "busybox") }
      return try store.faultPointsPassed(by: command)
    }
    try #require(!points.isEmpty, "\(operation.name) passes no named point")
    for point in points {
      for passage in 1...min(point.count, 2) {
        try withStore { store in
          let command = try prepared(operation, store)
          if operation.name == "load" { try store.must("rmi", "-f", "busybox") }
          let what = "\(operation.name) killed at \(point.name)#\(passage)"
          let outcome = try store.dhow(command, faults: [.kill(point.name, passage: passage)], timeout: 30)
          #expect(!outcome.timedOut, "\(what): \(outcome)")
          if operation.name == "load" { try store.loadBusybox() }
          try store.expectWorking(what)
          // Whatever state the container is in, it can be removed, and its name is free again.
          try store.removeContainers()
          #expect(try store.must("ps", "-aq").out == "", "\(what)")
          try store.must("create", "--name", "cc", "--network", "none", "busybox", "true")
        }
      }
    }
  }

  /// What a monitor does when its program has ended, while the command that ends it waits for it.
  @Test(arguments: [["stop", "-t", "0", "cc"], ["kill", "cc"], ["rm", "-f", "cc"], ["restart", "-t", "0", "cc"]])
  func `a monitor killed while it writes the end leaves a store that works`(command: [String]) throws {
    for point in ["monitor.ended", "store.record.written#3", "store.record.renamed#3", "store.record.renamed#2"] {
      try withStore { store in
        try store.loadBusybox()
        let started = try store.dhow(Self.running, environment: ["DHOW_FAULT": "\(point):kill"])
        guard started.succeeded else { return }
        let what = "\(command[0]) of a container whose monitor dies at \(point)"
        let outcome = try store.dhow(command, timeout: 30)
        #expect(!outcome.timedOut, "\(what): \(outcome)")
        #expect(try store.dhow("ps", "-q", "--filter", "status=running").status == 0)
        try store.expectWorking(what)
        try store.removeContainers()
        #expect(try store.must("ps", "-aq").out == "", "\(what)")
      }
    }
  }

  @Test(arguments: ["enospc", "eio"])
  func `a write that fails at any point of a load leaves a clean store`(fault: String) throws {
    let points = try withStore { store in
      try store.faultPointsPassed(by: ["load", "-q", "-i", try ImageFixture.busybox()])
    }
    for point in points {
      try withStore { store in
        let rule: Fault = fault == "eio" ? .inputOutputError(point.name) : .noSpace(point.name)
        let outcome = try store.dhow("load", "-q", "-i", ImageFixture.busybox(), faults: [rule])
        if outcome.status != 0 {
          #expect([1, 125].contains(outcome.status), "\(point.name): \(outcome)")
          #expect(outcome.err.split(separator: "\n").first?.hasPrefix("dhow: ") == true, "\(point.name): \(outcome)")
        }
        try store.loadBusybox()
        try store.expectWorking("\(fault) at \(point.name)")
      }
    }
  }

  @Test func `a monitor that is killed takes its container along and is reported`() throws {
    try withStore { store in
      try store.loadBusybox()
      try store.must("run", "-d", "--name", "cc", "--network", "none", "busybox", "sleep", "100")
      let before = Set(store.processes())
      let program = try #require(Int32(try store.must("inspect", "--format", "{{.State.Pid}}", "cc").out))
      let monitors = before.filter { $0 != program && linkTarget("/proc/\($0)/exe")?.hasSuffix("/dhow") == true }
      #expect(!monitors.isEmpty)
      for monitor in monitors { try mustRun(["kill", "-KILL", "\(monitor)"]) }
      #expect(eventually { !exists("/proc/\(program)/root/bin") || store.processes().isEmpty })
      #expect(try store.must("inspect", "--format", "{{.State.Running}}", "cc").out == "false")
      #expect(try store.must("inspect", "--format", "{{.State.Status}}", "cc").out == "exited")
      try store.expectWorking("the monitor was killed")
      try store.must("rm", "cc")
    }
  }

  @Test func `the runtime directory deleted under a running container loses nothing`() throws {
    try withStore { store in
      try store.loadBusybox()
      try store.must("run", "-d", "--name", "cc", "--network", "none", "busybox", "sleep", "100")
      try mustRun(["rm", "-rf", store.runroot])
      #expect(
        try eventually { try store.dhow("inspect", "--format", "{{.State.Running}}", "cc").out == "true" },
        "the monitor never wrote its state again")
      #expect(try eventually { try store.must("ps", "-q").lines.count == 1 })
      #expect(try store.must("exec", "cc", "echo", "works").out == "works")
      try store.must("stop", "-t", "0", "cc")
      #expect(try store.must("inspect", "--format", "{{.State.Status}}", "cc").out == "exited")
      try store.must("rm", "cc")
      try store.expectWorking("the runtime directory was deleted")
    }
  }

  @Test func `nothing stays on the host`() throws {
    try withStore { store in
      try store.loadBusybox()
      try withHostUnchanged(by: store) {
        try store.must("run", "--rm", "--network", "none", "busybox", "true")
        try store.must("run", "-d", "--name", "cc", "busybox", "sleep", "100")
        try store.must("exec", "cc", "true")
        try store.must("stop", "-t", "0", "cc")
        try store.must("rm", "cc")
        #expect(try store.dhow("run", "--rm", "busybox", "nosuchprogram").status == 127)
      }
      #expect(store.processes() == [])
    }
  }
}
