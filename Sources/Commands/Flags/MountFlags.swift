internal import Basics
internal import ContainerEngine
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
      .text("image-volume", nil, "string", "What an image's VOLUMEs become (\"anonymous\", \"tmpfs\", \"ignore\")") {
        // podman's word for what docker does.
        guard let mode = ImageVolumes(rawValue: $1 == "bind" ? "anonymous" : $1) else {
          throw FlagValueError("invalid image volume mode: \($1)", hint: "modes: anonymous, tmpfs, ignore")
        }
        $0.imageVolumes = mode
      },
      .list("volume", "v", "list", "Mount a volume or a directory of the host") {
        $0.settings.mounts.append(try MountSyntax.volume($1))
      }
      .completed(by: .directories),
      .text("volume-driver", nil, "string", "Optional volume driver for the container") {
        guard $1.isEmpty || $1 == "local" else {
          throw EngineError(.unsupported, "--volume-driver \($1)", "the only driver of volumes here is local")
        }
        _ = $0
      }.hidden,
      .list("volumes-from", nil, "list", "Mount volumes from the specified container(s)") {
        $0.settings.volumesFrom.append($1)
      }.completed(by: .containers),
    ]
  }
}
