internal import Basics
internal import Storage

/// What a volume of the driver `local` is, by its options (docker volume create, "Driver-specific options").
enum VolumeSource: Equatable {
  /// A directory in the store.
  case directory
  /// A directory of the host.
  case bind(String, options: [String])
  /// A file system in memory, new for each start of each container: there is nobody to keep one between them.
  case tmpfs(options: [String])

  init(_ volume: VolumeRecord) throws(EngineError) {
    try self.init(volume.options, doing: "using volume \(safeText(volume.name))")
  }

  /// - Throws: `invalidInput` for an option that there is not, `unsupported` for a file system that only the host's root mounts.
  init(_ options: [(String, String)], doing: String) throws(EngineError) {
    var values: [String: String] = [:]
    for (name, value) in options {
      guard ["type", "o", "device"].contains(name) else {
        throw EngineError(
          .invalidInput, doing, "invalid option: \"\(safeText(name))\"", hint: "options: type, o, device")
      }
      values[name] = value
    }
    let words = (values["o"] ?? "").split(separator: ",").map(String.init)
    let isBind = words.contains("bind") || words.contains("rbind")
    switch values["type"] ?? (isBind ? "none" : "") {
    case "":
      guard values.isEmpty else { throw EngineError(.invalidInput, doing, "missing required option: \"type\"") }
      self = .directory
    case "tmpfs": self = .tmpfs(options: words)
    case "none",
      "bind" where isBind || values["type"] == "bind":
      guard let device = values["device"], device.hasPrefix("/") else {
        throw EngineError(.invalidInput, doing, "missing required option: \"device\", an absolute path")
      }
      self = .bind(device, options: words.filter { $0 != "bind" && $0 != "rbind" })
    case let type:
      throw EngineError(
        .unsupported, doing, "a volume of type \"\(safeText(type))\" cannot be mounted without being the host's root",
        hint: "mount it on the host first and bind that directory: -v /MOUNTED/DIR:/DIR")
    }
  }
}
