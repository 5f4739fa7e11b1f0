package import Basics
internal import LinuxKernel
internal import Runtime
internal import Storage

extension Engine {
  /// Writes a container's log straight to descriptors 1 and 2. With `follow` it returns when the container has ended.
  package func readLogs(_ name: String, _ request: LogRequest) throws(EngineError) {
    let doing = "reading the log of \(safeText(name))"
    let id = try containers.find(name, doing: doing)
    guard let record = try containers.record(id) else {
      throw EngineError(.notFound, doing, "No such container: \(safeText(name))")
    }
    guard record.settings.logDriver != "none" else {
      throw EngineError(
        .unsupported, doing, "configured logging driver does not support reading",
        hint: "the container was made with --log-driver none")
    }
    var options = LogOptions()
    options.follow = request.follow
    options.timestamps = request.timestamps
    options.details = request.details
    options.tail = request.tail
    options.since = request.since
    options.until = request.until
    let home = try containers.open(id)
    if request.follow, try containers.status(of: id).isRunning {
      try LogReader.copy(directory: home.raw, options, running: try connection(to: id))
    } else {
      try LogReader.copy(directory: home.raw, options, running: nil)
    }
  }
}
