import TestSupport

/// A store whose containers are on networks. Where the test process is root its commands run in a network namespace made
/// for the purpose, so that the machine's own network is not touched.
func withNetworks(hasWayOut: Bool = true, _ body: (Store) throws -> Void) throws {
  try withStore { store in
    store.defaultNetwork = "bridge"
    if Identity.callerIsRoot { store.landscape = try Landscape(hasWayOut: hasWayOut) }
    try store.loadBusybox()
    try body(store)
  }
}

extension Store {
  /// Starts a web server that answers with its name, and gives its address on the network.
  @discardableResult
  func startServer(_ name: String, _ flags: String...) throws -> String {
    let script = "mkdir -p /w; echo \(name) >/w/index.html; exec httpd -f -v -p 80 -h /w"
    try must(["run", "-d", "--name", name] + flags + ["busybox", "sh", "-c", script])
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    let address = try must("inspect", "-f", format, name).out.split(separator: " ").first.map(String.init) ?? ""
    _ = eventually(within: 30) { (try? dhow("exec", name, "wget", "-qO-", "http://127.0.0.1/"))?.out == name }
    return address
  }

  /// What a web server answers to a program on the host of this store.
  func fetch(_ address: String) throws -> String {
    let words = ["curl", "-s", "-m", "10", "--noproxy", "*", "http://\(address)/"]
    guard let landscape else { return try run(words).out }
    return try landscape.run(words).out
  }

  /// `HOST:PORT` of a published port, on the address where it is looked for.
  func published(_ name: String, _ port: String, on host: String = "127.0.0.1") throws -> String {
    let line = try must("port", name, port).lines.first { $0.hasPrefix("0.0.0.0:") || $0.hasPrefix(host + ":") }
    return "\(host):\(line?.split(separator: ":").last ?? "none")"
  }

  func must(_ arguments: [String]) throws {
    let outcome = try dhow(arguments)
    guard outcome.succeeded else { throw FixtureError(outcome.description) }
  }

  /// The pid of this store's network process.
  func networkProcess() -> Int32? {
    // The file is there as long as the process, and a while longer.
    guard let text = try? readText(runroot + "/network/lock"), let pid = Int32(text.prefix { $0 != "\n" }),
      processes().contains(pid)
    else { return nil }
    return pid
  }
}
