/// What this build is: the one place of the version and of the API version it reports.
package enum ProductVersion {
  package static let text = "0.1.0"
  /// The engine API reported (FEATURES: ceiling 1.50).
  package static let api = "1.50"
  package static let minimumAPI = "1.24"
  /// The commit it was built from; empty when the build was not told.
  package static let commit = ""
  /// The language it is written in, where docker reports Go's version.
  package static let language = "swift6.3"
  /// The machine in the words of OCI platforms.
  package static var architecture: String {
    #if arch(x86_64)
      "amd64"
    #elseif arch(arm64)
      "arm64"
    #else
      "unknown"
    #endif
  }
}
