internal import Basics
internal import CLinux
internal import Glibc
internal import OCI
internal import Storage

/// An image as a container is made from it.
struct ResolvedImage {
  /// Digest of the config.
  var id: Digest
  var manifest: Digest
  var config: ImageConfig
}

extension Engine {
  /// The image of a request, which must be in the store: `provideImage` came before.
  func findImage(_ request: ContainerRequest, doing: String) throws(EngineError) -> ResolvedImage {
    let wanted = try platform(of: request, doing: doing)
    let image = try images.find(request.image, platform: wanted, doing: doing).image
    guard image.isUnpacked else {
      throw EngineError(
        .unsupported, doing,
        "it is not a runnable image: its layers are no archives of files, not those of its config, or not here",
        hint: "it was pushed so to `registry serve`, which keeps it for who asks")
    }
    return ResolvedImage(id: image.id, manifest: image.manifest.digest, config: try images.config(of: image))
  }

  /// Pulls the image of a request when it is not there, or when `--pull` wants the registry to be asked.
  ///
  /// In a process of its own: this one may become a container's monitor, and stays small. Before the user's namespace is
  /// entered, since the settings of registries are read from outside of it, and without any lock.
  /// - Parameter observer: made when there is something to show.
  func provideImage(_ request: ContainerRequest, observer: () -> any TransferObserver) throws(EngineError) {
    guard request.settings.rootDirectory == nil, request.pull != .never else { return }
    let doing = "pulling \(safeText(request.image))"
    // An id is nothing to ask a registry for.
    let isID = Identifier.isID(request.image) || request.image.hasPrefix("sha256:")
    if isID { return }
    if request.pull == .missing {
      do throws(EngineError) {
        _ = try images.find(request.image, platform: try platform(of: request, doing: doing), doing: doing)
        return
      } catch { if error.kind != .notFound { throw error } }
    }
    let observer = observer()
    try ChildTask.run(doing: doing) { [self] in
      // Our parent's end is ours: it may be killed while we pull for it.
      _ = dhow_prctl(Self.setParentDeathSignal, UInt(SIGTERM), 0)
      if request.pull == .missing {
        let name = (try? Reference(parsing: request.image).withDefaultTag.familiar) ?? request.image  // checked before
        observer.say("Unable to find image '\(safeText(name))' locally")
      }
      var pull = PullRequest(name: request.image)
      pull.platform = request.settings.platform
      pull.policy = request.pull
      // Who wants to run it waits for nothing else.
      pull.keepsReferrers = false
      pull.access = request.access
      let pulled = try pullImage(pull, observer: observer)
      for note in pulled.notes { observer.say("WARNING: \(safeText(note))") }
    }
  }

  /// PR_SET_PDEATHSIG, linux/prctl.h.
  private static let setParentDeathSignal: Int32 = 1

  private func platform(of request: ContainerRequest, doing: String) throws(EngineError) -> Platform? {
    try during(doing) { try request.settings.platform.map { try Platform(parsing: $0) } }
  }
}
