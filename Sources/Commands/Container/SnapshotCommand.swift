internal import Basics
internal import ContainerEngine

/// `snapshot create`: freezes what a container has changed so far.
enum SnapshotCreateCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER", "Freeze what a container has changed so far", .exactly(1), completion: .containers)

  struct Options: CommandOptions {
    var message = ""
  }

  static var flags: [Flag<Options>] {
    [.text("message", "m", "string", "What the snapshot is of") { $0.message = $1 }]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let number = try invocation.engine().createSnapshot(operands[0], message: options.message)
    invocation.output.line("\(operands[0])@\(number)")
    return .success
  }
}

/// `snapshot ls`: the snapshots of a container.
enum SnapshotListCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER", "List the snapshots of a container", .exactly(1), completion: .containers)

  struct Options: CommandOptions {
    var quiet = false
    var output = FormatOptions()
  }

  static var flags: [Flag<Options>] {
    [
      FormatOptions.listFlag.on(\.output),
      .toggle("quiet", "q", "Only show the numbers") { $0.quiet = $1 },
    ]
  }

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let format = try ListFormat(options.output.format)
    let rows = try invocation.engine().listSnapshots(operands[0])
    if options.quiet {
      for row in rows { invocation.output.line("\(row.number)") }
      return .success
    }
    let now = Timestamp.now
    let printer = ListPrinter<SnapshotRow>(
      fields: [
        .init("Number", "SNAPSHOT") { "\(operands[0])@\($0.number)\($0.isCurrent ? " *" : "")" },
        .init("Parent", "STANDS ON") { $0.parent == 0 ? "image" : "@\($0.parent)" },
        .init("CreatedSince", "CREATED") { HumanDuration.ago($0.created, now: now) },
        .init("CreatedAt", "CREATED AT") { $0.created.rfc3339 },
        .init("Size", "SIZE") { ByteCount.decimalText($0.size, digits: 3) },
        .init("Message", "MESSAGE") { $0.message },
        .init("Current", "CURRENT") { "\($0.isCurrent)" },
      ],
      columns: ["Number", "Parent", "CreatedSince", "Size", "Message"])
    try printer.print(rows, as: format, to: invocation.output)
    return .success
  }
}

/// `snapshot rm`: forgets snapshots.
enum SnapshotRemoveCommand: Command {
  static let words = CommandWords(
    "CONTAINER@N [CONTAINER@N...]", "Remove one or more snapshots", .atLeast(1), completion: .containers)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return invocation.forEach(operands) { operand in
      try engine.removeSnapshot(operand)
      invocation.output.line(operand)
    }
  }
}

/// `rollback`: a container as it was at a snapshot.
enum RollbackCommand: Command {
  static let words = CommandWords(
    "CONTAINER@N", "Give a container back the files it had at a snapshot", .exactly(1), completion: .containers)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try invocation.engine().rollBack(operands[0])
    invocation.output.line(operands[0])
    return .success
  }
}

/// `branch`: a second container from a snapshot of the first.
enum BranchCommand: Command {
  static let words = CommandWords(
    "CONTAINER@N NAME", "Create a container that starts from a snapshot of another", .exactly(2),
    completion: .containers)

  static func run(_ options: NoOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    invocation.output.line(try invocation.engine().branch(operands[0], to: operands[1]))
    return .success
  }
}
