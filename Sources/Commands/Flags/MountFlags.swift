internal import Basics
internal import Storage

extension ContainerFlags {
  /// What the container sees of the host's files.
  static var mounts: [Flag<ContainerOptions>] {
    [
      .list("device", nil, "list", "Add a host device to the container") {
        $0.settings.devices.append(try ResourceSyntax.device($1))
      }.completed(by: .files),
      .list("mount", nil, "mount", "Attach a filesystem mount to the container") {
        $0.settings.mounts.append(try MountSyntax.mount($1))
      },
      .toggle("read-only", nil, "Mount the container's root filesystem as read only") { $0.settings.readOnly = $1 },
      .bytes("shm-size", nil, "Size of /dev/shm") {
        guard $1 > 0 else { throw FlagValueError("SHM size can not be less than 0") }
        $0.settings.shmSize = $1
      },
      .list("tmpfs", nil, "list", "Mount a tmpfs directory") { $0.settings.mounts.append(try MountSyntax.tmpfs($1)) },
      .list("volume", "v", "list", "Bind mount a volume") { $0.settings.mounts.append(try MountSyntax.volume($1)) }
        .completed(by: .directories),
      .text("volume-driver", nil, "string", "Optional volume driver for the container") {
        guard $1.isEmpty || $1 == "local" else {
          throw EngineError(.unsupported, "--volume-driver \($1)", "the only driver of volumes here is local")
        }
        _ = $0
      }.hidden,
    ]
  }
}
