internal import Basics
internal import HTTP
internal import LinuxKernel

/// Certificates for one registry: `ca.crt` and such, `client.cert` with `client.key` (containers-certs.d(5), docker's
/// "Verify repository client with certificates").
struct CertificateDirectory {
  var authorities: [String] = []
  var client: TLSTrust.ClientCertificate?

  /// The first of the known directories that has one for this registry; none is an empty one.
  /// - Parameter name: `host[:port]` as references have it.
  static func find(
    for name: String, _ environment: RegistryEnvironment, _ doing: String
  ) throws(EngineError) -> CertificateDirectory {
    // A host is a path's component here; the grammar of references has no slash in it, nor can it be `..`.
    guard ShortName.isHost(name) else { return CertificateDirectory() }
    let parents = [
      environment.inHome(".config/containers/certs.d"), environment.system("/etc/containers/certs.d"),
      environment.inHome(".config/docker/certs.d"), environment.system("/etc/docker/certs.d"),
    ]
    for parent in parents {
      guard let parent else { continue }
      let directory = "\(parent)/\(name)"
      let names = try SettingsFile.names(in: directory, doing)
      if !names.isEmpty { return try CertificateDirectory(directory, names, doing) }
    }
    return CertificateDirectory()
  }

  /// The directory of `--cert-dir`, which must be there.
  static func named(_ directory: String, _ doing: String) throws(EngineError) -> CertificateDirectory {
    do throws(SystemError) { _ = try File.openDirectory(directory, followLink: true) } catch {
      throw error.engineError(doing)
    }
    return try CertificateDirectory(directory, try SettingsFile.names(in: directory, doing), doing)
  }

  init() {}

  private init(_ directory: String, _ names: [String], _ doing: String) throws(EngineError) {
    for name in names {
      let path = "\(directory)/\(name)"
      if name.hasSuffix(".crt") {
        authorities.append(path)
      } else if name.hasSuffix(".cert") {
        let key = String(name.dropLast(5)) + ".key"
        guard names.contains(key) else {
          throw EngineError(
            .notFound, doing, "there is no \(key) beside \(safeText(path))",
            hint: "a certificate authority's file ends in .crt")
        }
        if client == nil { client = TLSTrust.ClientCertificate(certificate: path, key: "\(directory)/\(key)") }
      } else if name.hasSuffix(".key"), !names.contains(String(name.dropLast(4)) + ".cert") {
        throw EngineError(.notFound, doing, "there is no certificate, .cert, for the key \(safeText(path))")
      }
    }
  }
}
