extension CommandTree {
  /// Commands of docker and podman that later versions bring, each with the sentence that says so.
  static var later: [CommandEntry] {
    [
      CommandEntry("buildx", .later(building)),
      CommandEntry("compose", .later(nothing)),
      CommandEntry("context", .later(nothing)),
      CommandEntry("checkpoint", .later(nothing)),
      CommandEntry("secret", .later("use -e or a read-only bind mount")),
      CommandEntry("pod", .later("use --network container:NAME")),
      CommandEntry("kube", .later(nothing)),
      CommandEntry("play", .later(nothing)),
      CommandEntry("quadlet", .later("`unit --new` writes a unit that does the same")),
      CommandEntry("mount", .later("use `export`"), "umount", "unmount"),
      CommandEntry("auto-update", .later(registry)),
      CommandEntry("artifact", .later(registry)),
      CommandEntry("farm", .later(building)),
      CommandEntry("init", .later(nothing)),
    ]
  }

  /// What a daemonless engine of one host does not have, with the substitute (FEATURES, tier N).
  static var never: [CommandEntry] {
    [
      CommandEntry("swarm", .never(cluster)),
      CommandEntry("node", .never(cluster)),
      CommandEntry("service", .never(cluster)),
      CommandEntry("stack", .never(cluster)),
      CommandEntry("config", .never(cluster)),
      CommandEntry("plugin", .never("there is no daemon that plugins could extend")),
      CommandEntry("trust", .never("Notary content trust is at its end of life; sign images with cosign")),
      CommandEntry("machine", .never("containers run on this Linux host, there is no virtual machine to manage")),
      CommandEntry("scout", .never(desktop)),
      CommandEntry("sbom", .never(desktop)),
      CommandEntry("model", .never(desktop)),
      CommandEntry("mcp", .never(desktop)),
      CommandEntry("ai", .never(desktop)),
      CommandEntry("desktop", .never(desktop)),
    ]
  }

  /// Verbs of `container` that later versions bring.
  static var containerLater: [CommandEntry] {
    ["checkpoint", "restore", "init", "mount", "runlabel", "unmount"].map {
      CommandEntry($0, .later(nothing))
    }
  }

  static var imageLater: [CommandEntry] {
    ["mount", "unmount", "scp", "sign", "tree", "trust"].map { CommandEntry($0, .later(nothing)) }
  }

  static var systemLater: [CommandEntry] {
    [
      CommandEntry("service", .later(nothing)),
      CommandEntry("dial-stdio", .later(nothing)),
      CommandEntry("connection", .later(nothing)),
      CommandEntry("migrate", .never("there is nothing to migrate: no pause process is kept")),
      CommandEntry("renumber", .never("there is nothing to renumber: no lock table is kept")),
    ]
  }

  private static let registry = "use `load` or `import` with an archive"
  private static let building = "use `load` or `import` with an archive"
  /// Nothing here does the same.
  private static let nothing = ""
  private static let cluster = "not available in a single-host engine: there is no cluster to manage"
  private static let desktop = "this is a part of Docker Desktop, not of the engine"
}
