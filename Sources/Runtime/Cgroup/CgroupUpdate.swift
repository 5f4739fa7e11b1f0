package import Basics
internal import Glibc
internal import LinuxKernel
internal import OCI
package import Storage

extension CgroupPlacement {
  /// Writes the limits that `changes` names, with their values in `limits`, into a living container's cgroup.
  /// - Throws: `unsupported` when there is no cgroup or no controller for one of them: nothing is changed then.
  package func apply(_ limits: ResourceLimits, changing changes: ResourceLimits, doing: String) throws(EngineError) {
    let named = Set(Self.settings(changes.specification, version).map(\.file))
    var settings = Self.settings(limits.specification, version).filter { named.contains($0.file) }
    guard !isEmpty else {
      throw EngineError(
        .unsupported, doing, "the container runs without a cgroup, so that it has no limits that could be changed",
        hint: "run it as root, or where a cgroup of version 2 is delegated to you")
    }
    let lacking = Set(settings.map(\.controller)).filter { !has($0) }.sorted()
    guard lacking.isEmpty else {
      throw EngineError(
        .unsupported, doing,
        "the container's cgroup has no controller for \(lacking.joined(separator: " and "))",
        hint: "a limit given to `run` makes it have one")
    }
    // Memory with swap may never be less than memory: which of the two goes first depends on the direction.
    do throws(EngineError) { for setting in settings { try write(setting, doing) } } catch {
      settings.reverse()
      for setting in settings { try write(setting, doing) }
    }
  }

  private static func settings(_ resources: RuntimeSpec.Resources, _ version: Version) -> [CgroupSetting] {
    version == .unified ? resources.unifiedSettings : resources.controllerSettings
  }

  private func has(_ controller: String) -> Bool {
    guard version == .unified else { return directories[controller] != nil }
    let file = (directories[""] ?? "") + "/cgroup.controllers"
    // A cgroup that is gone has none.
    let text = String(decoding: (try? File.readAll(file, limit: 4096)) ?? [], as: UTF8.self)
    return text.split { $0 == " " || $0 == "\n" }.contains { $0 == controller }
  }

  private func write(_ setting: CgroupSetting, _ doing: String) throws(EngineError) {
    guard let directory = directories[version == .unified ? "" : setting.controller] else { return }
    var path = directory + "/" + setting.file
    if let preferred = setting.preferredFile, access("\(directory)/\(preferred)", F_OK) == 0 {
      path = directory + "/" + preferred
    }
    if setting.isOptional, access(path, F_OK) != 0 { return }
    do throws(SystemError) {
      let file = try File.open(path, O_WRONLY)
      try File.writeAll(file.raw, Array(setting.value.utf8), shown: path)
    } catch {
      throw EngineError(
        error.errno == EINVAL || error.errno == ERANGE ? .invalidInput : .denied, doing,
        "\(setting.option ?? setting.file): the kernel does not take \"\(safeText(setting.value))\": \(error.reason)")
    }
  }
}
