import Basics
import LinuxKernel
import OCI
import Storage
import TestSupport
import Testing
import store_probe

/// An operation of `store-probe`, and what has to be there before it.
struct FaultCase: CustomTestStringConvertible {
  var operation: String
  var before: [String] = []
  /// What is true once it was done, however often it was cut short before.
  var isDone: @Sendable (StateDirectory) throws -> Bool

  var testDescription: String { operation }
}

private let cases: [FaultCase] = [
  FaultCase(operation: "prepare") { exists($0.location.root + "/oci-layout") },
  FaultCase(operation: "add-image") { try ImageStore($0).find("app", doing: "x").name != nil },
  FaultCase(operation: "tag", before: ["add-image"]) { try ImageStore($0).find("app:2", doing: "x").name != nil },
  FaultCase(operation: "untag", before: ["add-image"]) { try ImageStore($0).list().map(\.references) == [[]] },
  FaultCase(operation: "remove-image", before: ["add-image"]) { try ImageStore($0).list().isEmpty },
  FaultCase(operation: "create", before: ["add-image"]) { try ContainerStore($0).ids().count == 1 },
  FaultCase(operation: "create-ephemeral", before: ["add-image"]) { try ContainerStore($0).ids().count == 1 },
  FaultCase(operation: "rename", before: ["add-image", "create"]) {
    try !ContainerStore($0).find("site", doing: "x").isEmpty
  },
  FaultCase(operation: "run-and-end", before: ["add-image", "create"]) { store in
    let containers = ContainerStore(store)
    guard case .exited(let exit) = try containers.status(of: try containers.find("web", doing: "x")) else {
      return false
    }
    return exit.code == 7
  },
  FaultCase(operation: "remove", before: ["add-image", "create"]) { try ContainerStore($0).ids().isEmpty },
  FaultCase(operation: "add-volume") { try VolumeStore($0).names() == ["data"] },
]

/// `withStore` by another name, which a method here has, too.
private func inNewStore(_ body: (StateDirectory) throws -> Void) throws { try withStore(body) }

/// The probe lies beside the test bundle, where SwiftPM puts every product.
let probe = try? {
  let beside = linkTarget("/proc/self/exe").map { [$0] } ?? []
  for path in beside + CommandLine.arguments {
    guard let slash = path.lastIndex(of: "/") else { continue }
    let candidate = path[..<slash] + "/store-probe"
    if exists(String(candidate)) { return String(candidate) }
  }
  throw FixtureError("store-probe is not built")
}()

/// SECURITY F1, F4, F5: rule 7, state is absent, whole, or in staging.
@Suite struct FaultTests {
  @discardableResult
  private func perform(
    _ operation: String, in store: StateDirectory, environment: [String: String] = [:]
  ) throws -> Outcome {
    let probe = try #require(probe)
    return try run([probe, store.location.root, store.location.runRoot, operation], environment: environment)
  }

  private func withStore(for test: FaultCase, _ body: (StateDirectory) throws -> Void) throws {
    try inNewStore { store in
      for operation in test.before { try store_probe.perform(operation, store) }
      try body(store)
    }
  }

  /// The points an operation passes, each as often as it is passed.
  private func points(of test: FaultCase) throws -> [(name: String, passage: Int)] {
    var names: [String] = []
    try withStore(for: test) { store in
      let trace = store.location.root + ".trace"
      let outcome = try perform(test.operation, in: store, environment: ["DHOW_FAULT_TRACE": trace])
      #expect(outcome.succeeded, "\(outcome)")
      names = try readText(trace).split(separator: "\n").map(String.init)
    }
    var passed: [String: Int] = [:]
    return names.map { name in
      passed[name, default: 0] += 1
      return (name, passed[name] ?? 1)
    }
  }

  /// Nothing half-made is left where it could be seen, and after a sweep nothing at all.
  private func expectClean(_ store: StateDirectory, _ where: String) throws {
    try GarbageCollector(store).sweep()
    _ = try GarbageCollector(store).collect()
    var check = StoreCheck(store, verifyLayer: nil)
    let damages = try check.run()
    #expect(damages == [], "\(`where`)")
    #expect(names(in: store.location.root + "/trash").isEmpty, "\(`where`)")
    // A maker killed before it could lock its area leaves one without a lock, which is swept when it is old.
    for area in names(in: store.location.root + "/staging") {
      #expect(names(in: "\(store.location.root)/staging/\(area)").allSatisfy { $0 == "lock.new" }, "\(`where`)")
    }
  }

  @Test(arguments: cases) func `killed at any point, the store works and the next writer cleans up`(
    test: FaultCase
  ) throws {
    let points = try points(of: test)
    #expect(!points.isEmpty)
    for point in points {
      try withStore(for: test) { store in
        let faults = Fault.environment([.kill(point.name, passage: point.passage)])
        let killed = try perform(test.operation, in: store, environment: faults)
        #expect(killed.signal == 9, "\(test.operation) at \(point): \(killed)")
        let isDone = { (try? test.isDone(store)) ?? false }  // not there at all: not done
        // Whoever comes next first does the operation again, before any sweep.
        if !isDone() {
          let again = try perform(test.operation, in: store)
          let worked = again.succeeded || isDone()
          #expect(worked, "\(test.operation) after \(point): \(again)")
        }
        #expect(isDone(), "\(test.operation) after \(point)")
        try expectClean(store, "\(test.operation) at \(point)")
        #expect(isDone(), "\(test.operation) after \(point) and a sweep")
      }
    }
  }

  @Test(arguments: cases.map { ($0, "enospc") } + cases.filter { $0.operation == "create" }.map { ($0, "eio") })
  func `a full or broken disk is one error and leaves nothing behind`(
    test: FaultCase, action: String
  ) throws {
    for point in try points(of: test) {
      try withStore(for: test) { store in
        let rule = "\(point.name)#\(point.passage):\(action)"
        let failed = try perform(test.operation, in: store, environment: ["DHOW_FAULT": rule])
        let text = String(decoding: failed.stderr, as: UTF8.self)
        // What is carried on in spite of the error, such as emptying the trash, may succeed.
        if !failed.succeeded {
          #expect(failed.status == 1, "\(test.operation) at \(rule): \(failed)")
          #expect(text.contains(action == "enospc" ? "no space left" : "input/output error"), "\(rule): \(text)")
        }
        let left = names(in: store.location.root + "/staging")
        #expect(left.isEmpty || point.name == "store.staging.made" || point.name.hasPrefix("store.trash"), "\(rule)")
        try expectClean(store, "\(test.operation) at \(rule)")
        let isDone = { (try? test.isDone(store)) ?? false }  // not there at all: not done
        if !isDone() {
          let again = try perform(test.operation, in: store)
          #expect(again.succeeded || isDone(), "\(test.operation) after \(rule): \(again)")
        }
        #expect(isDone(), "\(test.operation) after \(rule)")
      }
    }
  }
}
