/// Docker Hub has three names: the one in references, the one its registry answers at, and the key of its credentials.
package enum DockerHub {
  package static let domain = "docker.io"
  package static let host = "registry-1.docker.io"
  package static let credentialKey = "https://index.docker.io/v1/"
  /// Where its search is.
  package static let searchHost = "index.docker.io"
}
