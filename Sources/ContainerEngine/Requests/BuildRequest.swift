package import Basics
package import ImageBuild
package import OCI

/// What `build` was asked for.
package struct BuildRequest: Sendable {
  package enum Context: Sendable, Equatable {
    case directory(String)
    /// A Dockerfile, or a tar archive with one.
    case standardInput
    /// Of http(s) or git.
    case remote(String)
  }

  package var context: Context
  /// `-f`: a path, or `-`; nil looks for the usual names.
  package var dockerfile: String?
  package var settings = BuildSettings()
  /// Several make an index.
  package var platforms: [Platform] = []
  package var tags: [String] = []
  package var labels: [(String, String)] = []
  package var annotations: [(String, String)] = []
  /// `--pull`.
  package var pull = PullPolicy.missing
  package var access = RegistryAccess()
  /// New layers become one; with `squashesAll` the base's too.
  package var squashes = false
  package var squashesAll = false
  package var omitsHistory = false
  /// Findings of the build checks are not shown.
  package var isQuiet = false
  /// Where the result goes beside the store.
  package var outputs: [BuildOutput] = []
  package var explains = false
  package var verifies = false

  package init(context: Context) { self.context = context }
}

/// What one check found in a Dockerfile.
package struct BuildFinding: Sendable, Equatable {
  /// BuildKit's name of the check.
  package var rule: String
  /// Docker's page about it; empty for the one that has none.
  package var page: String
  package var message: String
  /// `Dockerfile:3`
  package var place: String
  /// The lines around, the ones meant marked.
  package var excerpt: [String]
}

/// A stage that `--target` may name.
package struct BuildTarget: Sendable, Equatable {
  /// Empty for a stage without a name.
  package var name: String
  /// What the comment above it says.
  package var description: String
  /// Built when no target is named.
  package var isDefault: Bool
}

/// What a build made.
package struct BuiltImage: Sendable {
  /// `sha256:…` of the config.
  package var id: String
  /// `sha256:…` of the manifest.
  package var digest: String
  package var manifest: Descriptor
  /// Full names it was given.
  package var names: [String]
}

/// `--output`.
package enum BuildOutput: Sendable, Equatable {
  /// The image's files, into a directory.
  case local(String)
  /// The image's files as a tar archive; nil is standard output.
  case tar(String?)
  /// The image as an archive; nil is standard output.
  case archive(ArchiveLayout, String?)
}
