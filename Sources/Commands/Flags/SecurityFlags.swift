internal import Basics
internal import Storage

extension ContainerFlags {
  /// The container's walls.
  static var security: [Flag<ContainerOptions>] {
    [
      .list("cap-add", nil, "list", "Add Linux capabilities") {
        $0.settings.capabilitiesAdded.append(try SecuritySyntax.capability($1))
      }.completed(by: .capabilities),
      .list("cap-drop", nil, "list", "Drop Linux capabilities") {
        $0.settings.capabilitiesDropped.append(try SecuritySyntax.capability($1))
      }.completed(by: .capabilities),
      .list("group-add", nil, "list", "Add additional groups to join (\"keep-groups\" keeps the caller's)") {
        guard !$1.isEmpty, !$1.utf8.contains(0) else { throw FlagValueError("a group is needed") }
        $0.settings.groupsAdded.append($1)
      },
      .text("ipc", nil, "string", "IPC mode to use") {
        $0.settings.ipcNamespace = try SecuritySyntax.namespace(
          $1, among: ["none", "private", "shareable", "host"], joinable: true, complaint: "--ipc: invalid IPC mode")
      }.completed(by: .words(["none", "private", "shareable", "host"])),
      .text("isolation", nil, "string", "Container isolation technology") {
        guard $1.isEmpty || $1 == "default" else { throw FlagValueError("the only isolation on Linux is \"default\"") }
        _ = $0
      }.hidden,
      .text("pid", nil, "string", "PID namespace to use") {
        $0.settings.pidNamespace = try SecuritySyntax.namespace(
          $1, among: ["host"], joinable: true, complaint: "--pid: invalid PID mode")
      }.completed(by: .words(["host"])),
      .toggle("privileged", nil, "Give extended privileges to this container") { $0.settings.privileged = $1 },
      .text("runtime", nil, "string", "Runtime to use for this container (\"crun\", \"runc\" or a path)") {
        $0.settings.runtime = $1.isEmpty || $1 == "dhow" ? nil : $1
      }.completed(by: .words(["crun", "runc"])),
      .list("security-opt", nil, "list", "Security Options") {
        $0.settings.securityOptions.append(try SecuritySyntax.securityOption($1))
      }.completed(by: .words(["no-new-privileges", "seccomp=unconfined", "systempaths=unconfined"])),
      .list("sysctl", nil, "map", "Sysctl options") { $0.settings.sysctls.append(try SecuritySyntax.sysctl($1)) },
      .text("userns", nil, "string", "User namespace to use (\"host\", \"keep-id\")") {
        $0.settings.userNamespace = try SecuritySyntax.userNamespace($1)
      }.completed(by: .words(["host", "keep-id"])),
      .text("uts", nil, "string", "UTS namespace to use") {
        $0.settings.utsNamespace = try SecuritySyntax.namespace(
          $1, among: ["host"], joinable: false, complaint: "--uts: invalid UTS mode")
      }.completed(by: .words(["host"])),
    ]
  }
}
