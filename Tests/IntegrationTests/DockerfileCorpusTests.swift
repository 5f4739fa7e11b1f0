import Basics
import TestSupport
import Testing

/// Cases of the corpus, built and held to what they say of themselves. `scripts/build-parity` runs all of them and compares with
/// podman; here is one of every subject, all of them with `DHOW_TEST_CORPUS=all`.
@Suite(.serialized, .runsContainers)
struct DockerfileCorpusTests {
  static let groups: [String: [String]] = [
    "language": [
      "lexer-comments", "lexer-escape-backtick", "lexer-crlf", "lexer-syntax-other", "lexer-check-error",
      "error-unknown",
      "error-run-fails", "form-shell-instruction", "heredoc-run-interpreter", "heredoc-copy", "vars-plain",
      "vars-pattern",
    ],
    "stages": [
      "from-scratch", "from-inherits", "from-name-case", "stage-chain", "stage-unused", "target", "target-unknown",
      "onbuild", "arg-scope", "arg-inherited", "arg-proxy",
    ],
    "steps": [
      "run-env", "run-nothing-baked", "run-unreadable", "run-network-none", "mount-bind-link", "mount-bind-rw",
      "mount-cache-id-path", "mount-secret", "mount-secret-env", "mount-tmpfs", "opaque-directory", "hardlinks",
    ],
    "files": [
      "copy-directory", "copy-wildcard", "copy-symlink-outside", "copy-dotdot", "copy-link-to-nowhere", "copy-chown",
      "copy-chmod-symbolic", "copy-from-stage", "copy-link", "copy-parents", "copy-exclude", "copy-mtime", "add-tar-xz",
      "ignore-take-back-deep",
    ],
    "config": [
      "entrypoint-resets-cmd", "label-forms", "expose", "env-forms", "healthcheck", "volume", "workdir-owner",
      "user-group",
      "stopsignal-bad",
    ],
  ]

  @Test(arguments: groups.keys.sorted()) func `cases hold`(group: String) throws {
    try run(Self.groups[group] ?? [])
  }

  @Test(.enabled(if: environmentVariable("DHOW_TEST_CORPUS") == "all", "takes minutes: DHOW_TEST_CORPUS=all"))
  func `every case holds`() throws {
    let names = try mustRun(["ls", sourceDirectory + "/Tests/IntegrationTests/Dockerfiles"]).lines
    try run(names.map { String($0.dropLast(".case".count)) })
  }

  private func run(_ names: [String]) throws {
    try withStore { store in
      try store.loadBusybox()
      for name in names { try judge(try DockerfileCase(name), store) }
    }
  }

  private func judge(_ subject: DockerfileCase, _ store: Store) throws {
    let context = try subject.write(in: store)
    let words = ["build", "-t", subject.name] + subject.arguments(context: context) + [context]
    let outcome = try store.dhow(words)
    if let failure = subject.key("fails") {
      #expect(outcome.status != 0, "\(subject.name) succeeded")
      #expect(outcome.err.contains(failure), "\(subject.name): \(outcome)")
      return
    }
    guard outcome.succeeded else {
      Issue.record("\(subject.name): \(outcome)")
      return
    }
    if let script = subject.expectation("check") {
      let check = try store.dhow(
        "run", "--rm", "--network", "none", "--user", "0", "--workdir", "/", "--entrypoint", "/bin/sh", subject.name,
        "-euc", script)
      #expect(check.succeeded, "\(subject.name): \(check)")
    }
    if let config = subject.expectation("config") { try judge(config, of: subject, store) }
  }

  /// Lines of `FIELD JSON`, or `FIELD null|JSON` where nothing and an empty value are the same.
  private func judge(_ config: String, of subject: DockerfileCase, _ store: Store) throws {
    let text = try store.must("image", "inspect", "--format", "{{json .Config}}", subject.name).out
    let members = try JSON(parsing: text).objectValue?.members ?? []
    for line in config.split(separator: "\n") {
      let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
      let value = members.first { $0.name == parts[0] }?.value ?? .null
      let allowed = try (parts[1].hasPrefix("null") ? parts[1].split(separator: "|").map(String.init) : [parts[1]])
        .map { try canonical(JSON(parsing: $0)) }
      #expect(allowed.contains(canonical(value)), "\(subject.name): \(parts[0]) is \(value.text())")
    }
  }

  /// The same for objects of another order.
  private func canonical(_ value: JSON) -> String {
    guard let members = value.objectValue?.members else { return value.text() }
    return members.map { "\($0.name)=\($0.value.text())" }.sorted().joined(separator: "\n")
  }
}
