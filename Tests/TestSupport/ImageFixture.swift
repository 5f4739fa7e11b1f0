internal import Glibc

/// Images made from the distribution, as docker-archive tars, kept in a cache across test runs.
package enum ImageFixture {
  /// `busybox:latest`: Debian's static busybox and a link per applet.
  package static func busybox() throws -> String { try busyboxArchive.get() }
  /// `debian:latest`: a debootstrap minbase of this machine's suite, with every owner, mode and link of it.
  package static func debian() throws -> String { try debianArchive.get() }
  /// The tar of the busybox root file system alone, for `import`.
  package static func busyboxLayer() throws -> String { try busyboxRoot.get() }

  static var debianIsMakeable: Bool {
    if exists(debianPath) { return true }
    guard isInstalled("debootstrap") else { return false }
    return Identity.callerIsRoot || canSudo
  }

  private static let canSudo =
    isInstalled("sudo") && ((try? run(["sudo", "-n", "true"]))?.succeeded ?? false)  // cannot start: cannot sudo

  /// Readable by every user; the owner alone writes. Named by user, so that nobody else's files are taken for ours.
  private static let cache = Result<String, any Error> {
    let path = environmentVariable("DHOW_TEST_CACHE") ?? "/var/tmp/dhow-test-cache-\(getuid())"
    try makeDirectory(path)
    var status = stat()
    guard lstat(path, &status) == 0, status.st_uid == getuid(), status.st_mode & S_IFMT == S_IFDIR,
      chmod(path, 0o755) == 0
    else { throw FixtureError("the cache \(path) is not ours; name another by DHOW_TEST_CACHE") }
    return path
  }

  private static let busyboxRoot = Result<String, any Error> {
    // Keyed by what goes into it, so that a new busybox or a new script makes a new one.
    let key = try digest("/bin/busybox", sourceDirectory + "/scripts/busybox-image")
    return try cached("busybox-root-\(key).tar") { target in
      try mustRun([sourceDirectory + "/scripts/busybox-image", target])
    }
  }

  private static let busyboxArchive = Result<String, any Error> {
    let layer = try busyboxRoot.get()
    return try cached("busybox-\(try digest(layer, #filePath)).tar") { target in
      try writeArchive(layer, named: "busybox:latest", command: "\"sh\"", to: target)
    }
  }

  private static let suite: String = {
    let release = (try? readText("/etc/os-release")) ?? ""  // absent: the default below
    let line = release.split(separator: "\n").first { $0.hasPrefix("VERSION_CODENAME=") }
    return line.map { String($0.dropFirst("VERSION_CODENAME=".count)) } ?? "bookworm"
  }()

  /// Without a cache it is not there.
  private static var debianPath: String { ((try? cache.get()) ?? "/nowhere") + "/debian-\(suite).tar" }

  private static let debianArchive = Result<String, any Error> {
    try cached("debian-\(suite).tar") { target in
      let tree = try makeTemporaryDirectory("dhow-debian")
      let sudo = Identity.callerIsRoot ? [] : ["sudo", "-n"]
      defer { _ = try? mustRun(sudo + ["rm", "-rf", tree]) }  // a temporary directory that stays harms no test
      let layer = target + ".layer"
      defer { unlink(layer) }
      try mustRun(sudo + ["debootstrap", "--variant=minbase", suite, tree + "/root"] + mirror(), timeout: 1200)
      let tar = ["tar", "--create", "--format=pax", "--xattrs", "--xattrs-include=*", "--sort=name", "--numeric-owner"]
      try mustRun(
        sudo + tar + ["--exclude=./var/cache/apt/archives/*.deb", "--file", layer, "--directory", tree + "/root", "."])
      try mustRun(sudo + ["chown", "\(getuid())", layer])
      try writeArchive(layer, named: "debian:latest", command: "\"bash\"", to: target)
    }
  }

  /// The mirror this machine installs from, so that the fixture works where only that one is reachable.
  private static func mirror() throws -> [String] {
    let sources = try run([
      "sh", "-c",
      "cd /etc/apt; grep -hv '^ *#' sources.list sources.list.d/*.list sources.list.d/*.sources 2>/dev/null",
    ]).out
    for word in sources.split(whereSeparator: { " \n\t".contains($0) })
    where word.hasPrefix("http") && !word.contains("security") { return [String(word)] }
    return []
  }

  /// The file of that name in the cache, made by `make` beside it and renamed, so that half a file is never seen.
  private static func cached(_ name: String, _ make: (String) throws -> Void) throws -> String {
    let path = try cache.get() + "/" + name
    if exists(path) { return path }
    let draft = "\(path).\(getpid())"
    defer { unlink(draft) }
    try make(draft)
    guard chmod(draft, 0o644) == 0, rename(draft, path) == 0 else {
      throw FixtureError("making \(path): \(lastError())")
    }
    return path
  }

  private static func digest(_ paths: String...) throws -> String {
    let sums = try mustRun(["sha256sum", "--"] + paths).lines.map { $0.prefix(64) }.joined()
    return String(try mustRun(["sha256sum"], input: Array(sums.utf8)).out.prefix(16))
  }

  /// Wraps one layer into a docker-archive, as `docker save` of version 1.10 and later lays it out.
  static func writeArchive(_ layer: String, named reference: String, command: String, to target: String) throws {
    let work = try makeTemporaryDirectory("dhow-archive")
    defer { _ = try? mustRun(["rm", "-rf", work]) }  // a temporary directory that stays harms no test
    let diffID = String(try mustRun(["sha256sum", "--", layer]).out.prefix(64))
    let machine = try mustRun(["uname", "-m"]).out
    let architecture = ["x86_64": "amd64", "aarch64": "arm64"][machine] ?? machine
    let config = """
      {"architecture":"\(architecture)","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],\
      "Cmd":[\(command)]},"created":"2024-01-01T00:00:00Z","history":[{"created":"2024-01-01T00:00:00Z",\
      "created_by":"/bin/sh -c #(nop) ADD file in / "}],"os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:\(diffID)"]}}
      """
    try write(config, to: work + "/config")
    let configID = String(try mustRun(["sha256sum", "--", work + "/config"]).out.prefix(64))
    try makeDirectory("\(work)/\(diffID)")
    try mustRun(["mv", "--", work + "/config", "\(work)/\(configID).json"])
    try mustRun(["cp", "--reflink=auto", "--", layer, "\(work)/\(diffID)/layer.tar"])
    let manifest = """
      [{"Config":"\(configID).json","RepoTags":["\(reference)"],"Layers":["\(diffID)/layer.tar"]}]
      """
    try write(manifest, to: work + "/manifest.json")
    let contents = ["\(configID).json", diffID, "\(diffID)/layer.tar", "manifest.json"]
    try mustRun(
      [
        "tar", "--create", "--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0",
        "--no-recursion",
      ]
        + ["--file", target, "--directory", work] + contents)
  }
}

extension Result where Failure == any Error {
  /// What a closure gave or threw, kept.
  fileprivate init(_ body: () throws -> Success) {
    do { self = .success(try body()) } catch { self = .failure(error) }
  }
}
