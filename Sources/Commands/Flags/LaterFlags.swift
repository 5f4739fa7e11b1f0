extension ContainerFlags {
  /// Flags of docker and podman that this version does not have, each refused by one sentence.
  static var refused: [Flag<ContainerOptions>] { networks + startupChecks + devices + windows + podman }

  private static let addresses = "link-local addresses are not in this version yet"
  private static let checks = "not in this version yet; --health-start-period and docker's other --health flags are"
  private static let throttles = "limits of single devices are not in this version yet"
  private static let onlyWindows = "this is a limit of Windows containers"
  private static let realTime = "real-time limits need cgroup v1 as root"
  private static let notYet = "not in this version yet"

  private static var networks: [Flag<ContainerOptions>] {
    [
      .refused("link-local-ip", nil, "list", because: addresses)
    ]
  }

  private static var startupChecks: [Flag<ContainerOptions>] {
    [
      "health-startup-cmd", "health-startup-interval", "health-startup-retries",
      "health-startup-success", "health-startup-timeout", "health-log-destination", "health-max-log-count",
      "health-max-log-size",
    ].map { .refused($0, nil, "string", because: checks) }
  }

  private static var devices: [Flag<ContainerOptions>] {
    ["blkio-weight-device", "device-read-bps", "device-read-iops", "device-write-bps", "device-write-iops"].map {
      Flag.refused($0, nil, "list", because: throttles)
    } + [
      .refused("device-cgroup-rule", nil, "list", because: "rules for devices in cgroups need the host's root"),
      .refused("gpus", nil, "gpu-request", because: "CDI devices are not in this version yet"),
      .refused("oom-kill-disable", because: "only cgroup v1 can switch the OOM killer off"),
      .refused(
        "storage-opt", nil, "list",
        because: "quotas need a filesystem with project quotas and root; a sized tmpfs is --tmpfs /DIR:size=1g"),
      .refused("use-api-socket", because: "the HTTP API is not in this version yet"),
    ]
  }

  private static var windows: [Flag<ContainerOptions>] {
    ["cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops"].map { .refused($0, nil, "int", because: onlyWindows) }
      + ["cpu-rt-period", "cpu-rt-runtime"].map { .refused($0, nil, "int", because: realTime) }
  }

  private static var podman: [Flag<ContainerOptions>] {
    [
      "arch", "cgroup-conf", "chrootdirs", "conmon-pidfile", "decryption-key",
      "env-merge",
      "gidmap", "group-entry", "hosts-file", "hostuser", "init-ctr", "init-path", "os", "passwd-entry",
      "personality", "pod", "pod-id-file", "rdt-class",
      "seccomp-policy", "secret", "shm-size-systemd", "subgidname", "subuidname", "systemd",
      "uidmap", "unsetenv", "variant",
    ].map { .refused($0, nil, "string", because: notYet) }
      + [
        "env-host", "no-hostname", "no-hosts", "passwd", "read-only-tmpfs", "rmi",
        "unsetenv-all",
      ]
      .map { .refused($0, because: notYet) }
  }
}
