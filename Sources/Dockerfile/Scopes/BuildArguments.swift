package import OCI

/// What a build was given (`--build-arg`) and what stands before the first FROM: the scope that FROM sees, and from
/// which stages take by ARG.
package struct BuildArguments: Sendable {
  /// `--build-arg` by name.
  package let given: [String: String]
  /// Defaults and given values of the global ARGs, platform variables among them.
  package private(set) var globals: Variables
  /// Names of the global ARGs as written in the file.
  package private(set) var declared: [String] = []

  /// Set without ARG for every RUN, in neither history nor key of a step (Dockerfile reference, predefined ARGs).
  package static let proxies: Set<String> = [
    "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy",
    "ALL_PROXY", "all_proxy",
  ]

  /// Build arguments that BuildKit reads itself; they need no ARG.
  package static let builtIns: Set<String> = [
    "BUILDKIT_CACHE_MOUNT_NS", "BUILDKIT_CONTEXT_KEEP_GIT_DIR", "BUILDKIT_DOCKERFILE_CHECK", "BUILDKIT_INLINE_CACHE",
    "BUILDKIT_MULTI_PLATFORM", "BUILDKIT_SANDBOX_HOSTNAME", "BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE",
    "BUILDKIT_SYNTAX", "SOURCE_DATE_EPOCH",
  ]

  /// - Parameter target: name of the stage to build, for `TARGETSTAGE`; empty for the last one without a name.
  package init(given: [String: String] = [:], build: Platform = .host, target: Platform = .host, stage: String = "") {
    self.given = given
    globals = Variables()
    let platform = [
      ("BUILDPLATFORM", build.description), ("BUILDOS", build.os), ("BUILDOSVERSION", build.osVersion ?? ""),
      ("BUILDARCH", build.architecture), ("BUILDVARIANT", build.variant), ("TARGETPLATFORM", target.description),
      ("TARGETOS", target.os), ("TARGETOSVERSION", target.osVersion ?? ""), ("TARGETARCH", target.architecture),
      ("TARGETVARIANT", target.variant), ("TARGETSTAGE", stage.isEmpty ? "default" : stage),
    ]
    for (name, value) in platform { globals[name] = given[name] ?? value }
  }

  /// Takes the ARGs before the first FROM; each default sees those before it.
  package mutating func declareGlobals(of dockerfile: ParsedDockerfile) throws(BuildDiagnostic) {
    for node in dockerfile.globalArguments {
      guard case .arg(let instruction) = node.instruction else { continue }
      for argument in instruction.arguments {
        do throws(BuildDiagnostic) {
          var expansion = Expansion(globals, escape: dockerfile.directives.escape)
          let standard: String? = given[argument.name] == nil ? try expansion.word(argument.value) : nil
          if let value = given[argument.name] ?? standard { globals[argument.name] = value }
        } catch { throw error.located(at: node.range) }
        declared.append(argument.name)
      }
    }
  }

  /// The base and the platform of a stage with the global scope's variables in.
  package func origin(
    of stage: DockerfileStage, escape: Unicode.Scalar
  ) throws(BuildDiagnostic) -> (base: String, platform: Platform?) {
    do throws(BuildDiagnostic) {
      var expansion = Expansion(globals, escape: escape)
      let base: String = try expansion.word(stage.base)
      guard !base.isEmpty else {
        throw BuildDiagnostic(
          "base name (\(stage.base)) should not be blank",
          hint: "declare its ARG before the first FROM, with a default", word: stage.base)
      }
      guard let written = stage.platform else { return (base, nil) }
      let text: String = try expansion.word(written)
      guard !text.isEmpty else {
        throw BuildDiagnostic("empty platform value from expression \(written)", word: written)
      }
      do throws(OCIFormatError) { return (base, try Platform(parsing: text)) } catch {
        throw BuildDiagnostic("failed to parse platform \(written): \(error.subject): \(error.reason)", word: written)
      }
    } catch { throw error.located(at: stage.range) }
  }

  /// `--build-arg`s that no ARG of the file declares, sorted: most often they are misspelled.
  package func unused(by dockerfile: ParsedDockerfile) -> [String] {
    var known = Self.proxies.union(Self.builtIns).union(globals.names)
    for node in dockerfile.globalArguments + dockerfile.stages.flatMap(\.instructions) {
      guard case .arg(let instruction) = node.instruction else { continue }
      for argument in instruction.arguments { known.insert(argument.name) }
    }
    return given.keys.filter { !known.contains($0) }.sorted()
  }

  /// The proxy variables that were given, sorted by name, for RUN alone.
  package var proxyEnvironment: [String] {
    given.filter { Self.proxies.contains($0.key) }.map { "\($0.key)=\($0.value)" }.sorted()
  }
}
