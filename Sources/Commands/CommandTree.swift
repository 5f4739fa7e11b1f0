/// What a word on the command line stands for.
package enum CommandMeaning {
  case verb(any Command.Type)
  /// A noun with verbs below it.
  case noun(summary: String, verbs: () -> [CommandEntry])
  /// Comes with a later version; the sentence says what does the same until then, or is empty.
  case later(String)
  /// Will not come; the sentence says why and what to use instead.
  case never(String)
}

/// A word of the command tree. Only the entry chosen is ever asked for its flags.
package struct CommandEntry {
  package let name: String
  package let meaning: CommandMeaning
  /// Other words for the same.
  package let aliases: [String]
  package let isHidden: Bool

  init(_ name: String, _ verb: any Command.Type, _ aliases: String..., hidden: Bool = false) {
    self.name = name
    meaning = .verb(verb)
    self.aliases = aliases
    isHidden = hidden
  }

  init(_ name: String, _ meaning: CommandMeaning, _ aliases: String...) {
    self.name = name
    self.meaning = meaning
    self.aliases = aliases
    isHidden = false
  }

  func answers(to word: String) -> Bool { name == word || (!aliases.isEmpty && aliases.contains(word)) }

  /// Shown in help: what works in this version.
  var isShown: Bool {
    guard !isHidden else { return false }
    switch meaning {
    case .verb, .noun: return true
    case .later, .never: return false
    }
  }

  var summary: String {
    switch meaning {
    case .verb(let command): command.words.summary
    case .noun(let summary, _): summary
    case .later(let sentence), .never(let sentence): sentence
    }
  }
}

/// Every noun, verb and alias, one line each.
package enum CommandTree {
  package static var entries: [CommandEntry] { verbs + nouns + hidden + later + never }

  /// Finds a word at the top without building more of the tree than it needs.
  static func entry(_ word: String) -> CommandEntry? {
    func find(_ entries: [CommandEntry]) -> CommandEntry? { entries.first { $0.answers(to: word) } }
    return find(verbs) ?? find(nouns) ?? find(hidden) ?? find(later) ?? find(never)
  }

  static var verbs: [CommandEntry] {
    [
      CommandEntry("attach", AttachCommand.self),
      CommandEntry("branch", BranchCommand.self),
      CommandEntry("build", BuildCommand.self),
      CommandEntry("commit", CommitCommand.self),
      CommandEntry("completion", CompletionCommand.self),
      CommandEntry("cp", CpCommand.self),
      CommandEntry("create", CreateCommand.self),
      CommandEntry("diff", DiffCommand.self),
      CommandEntry("events", EventsCommand.self),
      CommandEntry("exec", ExecCommand.self),
      CommandEntry("export", ExportCommand.self),
      CommandEntry("help", HelpCommand.self),
      CommandEntry("history", HistoryCommand.self),
      CommandEntry("images", ImagesCommand.self),
      CommandEntry("import", ImportCommand.self),
      CommandEntry("info", InfoCommand.self),
      CommandEntry("inspect", InspectCommand.self),
      CommandEntry("kill", KillCommand.self),
      CommandEntry("load", LoadCommand.self),
      CommandEntry("login", LoginCommand.self),
      CommandEntry("logout", LogoutCommand.self),
      CommandEntry("logs", LogsCommand.self),
      CommandEntry("pause", PauseCommand.self),
      CommandEntry("port", PortCommand.self),
      CommandEntry("ps", PsCommand.self),
      CommandEntry("pull", PullCommand.self),
      CommandEntry("push", PushCommand.self),
      CommandEntry("rename", RenameCommand.self),
      CommandEntry("restart", RestartCommand.self),
      CommandEntry("rm", RmCommand.self),
      CommandEntry("rmi", RmiCommand.self),
      CommandEntry("rollback", RollbackCommand.self),
      CommandEntry("run", RunCommand.self),
      CommandEntry("save", SaveCommand.self),
      CommandEntry("search", SearchCommand.self),
      CommandEntry("start", StartCommand.self),
      CommandEntry("stats", StatsCommand.self),
      CommandEntry("stop", StopCommand.self),
      CommandEntry("tag", TagCommand.self),
      CommandEntry("top", TopCommand.self),
      CommandEntry("unit", UnitCommand.self),
      CommandEntry("unpause", UnpauseCommand.self),
      CommandEntry("unshare", UnshareCommand.self),
      CommandEntry("untag", UntagCommand.self),
      CommandEntry("update", UpdateCommand.self),
      CommandEntry("version", VersionCommand.self),
      CommandEntry("wait", WaitCommand.self),
    ]
  }

  static var nouns: [CommandEntry] {
    [
      CommandEntry("builder", .noun(summary: "Manage builds", verbs: { builder })),
      CommandEntry("container", .noun(summary: "Manage containers", verbs: { container })),
      CommandEntry("healthcheck", .noun(summary: "Check the health of containers", verbs: { healthcheck })),
      CommandEntry("image", .noun(summary: "Manage images", verbs: { image })),
      CommandEntry(
        "generate",
        .noun(
          summary: "Write what other programs read", verbs: { [CommandEntry("systemd", GenerateSystemdCommand.self)] })),
      CommandEntry("network", .noun(summary: "Manage networks", verbs: { network })),
      CommandEntry("registry", .noun(summary: "Serve images to others", verbs: { serving })),
      CommandEntry("snapshot", .noun(summary: "Manage snapshots of containers", verbs: { snapshot })),
      CommandEntry("manifest", .noun(summary: "Manage image manifests and manifest lists", verbs: { manifest })),
      CommandEntry("system", .noun(summary: "Manage the store and this host", verbs: { system })),
      CommandEntry("volume", .noun(summary: "Manage volumes", verbs: { volume })),
    ]
  }

  static var container: [CommandEntry] {
    [
      CommandEntry("attach", AttachCommand.self),
      CommandEntry("cleanup", CleanupCommand.self),
      CommandEntry("clone", CloneCommand.self),
      CommandEntry("commit", CommitCommand.self),
      CommandEntry("cp", CpCommand.self),
      CommandEntry("create", CreateCommand.self),
      CommandEntry("diff", DiffCommand.self),
      CommandEntry("exec", ExecCommand.self),
      CommandEntry("exists", ContainerExistsCommand.self),
      CommandEntry("export", ExportCommand.self),
      CommandEntry("inspect", ContainerInspectCommand.self),
      CommandEntry("kill", KillCommand.self),
      CommandEntry("logs", LogsCommand.self),
      CommandEntry("ls", PsCommand.self, "list", "ps"),
      CommandEntry("pause", PauseCommand.self),
      CommandEntry("port", PortCommand.self),
      CommandEntry("prune", ContainerPruneCommand.self),
      CommandEntry("rename", RenameCommand.self),
      CommandEntry("restart", RestartCommand.self),
      CommandEntry("rm", RmCommand.self, "remove"),
      CommandEntry("run", RunCommand.self),
      CommandEntry("start", StartCommand.self),
      CommandEntry("stats", StatsCommand.self),
      CommandEntry("stop", StopCommand.self),
      CommandEntry("top", TopCommand.self),
      CommandEntry("unpause", UnpauseCommand.self),
      CommandEntry("update", UpdateCommand.self),
      CommandEntry("wait", WaitCommand.self),
    ] + containerLater
  }

  static var image: [CommandEntry] {
    [
      CommandEntry("build", BuildCommand.self),
      CommandEntry("diff", ImageDiffCommand.self),
      CommandEntry("exists", ImageExistsCommand.self),
      CommandEntry("history", HistoryCommand.self),
      CommandEntry("import", ImportCommand.self),
      CommandEntry("inspect", ImageInspectCommand.self),
      CommandEntry("load", LoadCommand.self),
      CommandEntry("ls", ImagesCommand.self, "list"),
      CommandEntry("prune", ImagePruneCommand.self),
      CommandEntry("pull", PullCommand.self),
      CommandEntry("push", PushCommand.self),
      CommandEntry("rm", RmiCommand.self, "remove"),
      CommandEntry("save", SaveCommand.self),
      CommandEntry("search", SearchCommand.self),
      CommandEntry("tag", TagCommand.self),
      CommandEntry("untag", UntagCommand.self),
    ] + imageLater
  }

  static var healthcheck: [CommandEntry] { [CommandEntry("run", HealthcheckRunCommand.self)] }

  static var builder: [CommandEntry] {
    [CommandEntry("build", BuildCommand.self), CommandEntry("prune", BuilderPruneCommand.self)]
  }

  static var network: [CommandEntry] {
    [
      CommandEntry("connect", NetworkConnectCommand.self),
      CommandEntry("create", NetworkCreateCommand.self),
      CommandEntry("disconnect", NetworkDisconnectCommand.self),
      CommandEntry("exists", NetworkExistsCommand.self),
      CommandEntry("inspect", NetworkInspectCommand.self),
      CommandEntry("ls", NetworkListCommand.self, "list"),
      CommandEntry("prune", NetworkPruneCommand.self),
      CommandEntry("rm", NetworkRemoveCommand.self, "remove"),
    ]
  }

  static var serving: [CommandEntry] { [CommandEntry("serve", RegistryServeCommand.self)] }

  static var snapshot: [CommandEntry] {
    [
      CommandEntry("create", SnapshotCreateCommand.self),
      CommandEntry("ls", SnapshotListCommand.self, "list"),
      CommandEntry("rm", SnapshotRemoveCommand.self, "remove"),
    ]
  }

  static var manifest: [CommandEntry] {
    [
      CommandEntry("add", ManifestAddCommand.self),
      CommandEntry("annotate", ManifestAnnotateCommand.self),
      CommandEntry("create", ManifestCreateCommand.self),
      CommandEntry("exists", ManifestExistsCommand.self),
      CommandEntry("inspect", ManifestInspectCommand.self),
      CommandEntry("push", ManifestPushCommand.self),
      CommandEntry("remove", ManifestRemoveCommand.self),
      CommandEntry("rm", ManifestRmCommand.self),
    ]
  }

  static var system: [CommandEntry] {
    [
      CommandEntry("check", CheckCommand.self),
      CommandEntry("df", DfCommand.self),
      CommandEntry("disable", SystemDisableCommand.self),
      CommandEntry("enable", SystemEnableCommand.self),
      CommandEntry("events", EventsCommand.self),
      CommandEntry("info", InfoCommand.self),
      CommandEntry("prune", SystemPruneCommand.self),
      CommandEntry("reset", ResetCommand.self),
    ] + systemLater
  }

  static var volume: [CommandEntry] {
    [
      CommandEntry("create", VolumeCreateCommand.self),
      CommandEntry("exists", VolumeExistsCommand.self),
      CommandEntry("export", VolumeExportCommand.self),
      CommandEntry("import", VolumeImportCommand.self),
      CommandEntry("inspect", VolumeInspectCommand.self),
      CommandEntry("ls", VolumeListCommand.self, "list"),
      CommandEntry("mount", VolumeMountCommand.self),
      CommandEntry("prune", VolumePruneCommand.self),
      CommandEntry("rm", VolumeRemoveCommand.self, "remove"),
      CommandEntry("reload", .never("there are no plugins whose volumes could be read again")),
      CommandEntry("unmount", .never("a volume's files are where `volume mount` says; nothing was mounted")),
      CommandEntry("update", .never("cluster volumes alone can be updated, and there is no cluster")),
    ]
  }

  static var hidden: [CommandEntry] {
    [
      CommandEntry("__complete", CompleteCommand.self, hidden: true),
      CommandEntry("__docs", DocsCommand.self, hidden: true),
    ]
  }
}
