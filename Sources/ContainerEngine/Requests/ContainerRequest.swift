package import Storage

/// Everything `create` and `run` are asked for: complete and checked before the first file is touched.
package struct ContainerRequest: Sendable {
  /// The image as typed; empty with `--rootfs`.
  package var image: String
  package var name: String?
  package var settings: ContainerSettings
  package var pull: PullPolicy = .missing
  /// How the registry is asked if the image is pulled.
  package var access = RegistryAccess()
  package var imageVolumes = ImageVolumes.anonymous
  /// `--cidfile`: must not exist; gets the id.
  package var idFile: String?
  /// `--strict-limits`: a limit that cannot be applied is an error instead of a warning.
  package var strictLimits = false
  /// `--preserve-fds` and `--preserve-fd`.
  package var preserved = PreservedDescriptors()
  /// `--replace`: a container of the same name is removed first.
  package var replaces = false

  package init(image: String, settings: ContainerSettings) {
    self.image = image
    self.settings = settings
  }
}

/// Descriptors of ours that the program gets, under the same numbers.
package struct PreservedDescriptors: Equatable, Sendable {
  /// So many from 3 on, behind those of a service manager.
  package var count: Int64 = 0
  package var others: [Int32] = []

  package init() {}
}

/// `--pull`.
package enum PullPolicy: String, Sendable { case always, missing, never, newer }

/// How `run`, `start` and `attach` connect the caller's terminal or pipes with the container's streams.
package struct AttachRequest: Sendable {
  package var stdin: Bool
  package var stdout: Bool
  package var stderr: Bool
  /// `--sig-proxy`: signals to the command line are passed to the program.
  package var proxiesSignals: Bool
  /// `--detach-keys` in docker's notation; nil is `ctrl-p,ctrl-q`, empty turns them off.
  package var detachKeys: String?

  package init(
    stdin: Bool = false, stdout: Bool = true, stderr: Bool = true, proxiesSignals: Bool = true,
    detachKeys: String? = nil
  ) {
    self.stdin = stdin
    self.stdout = stdout
    self.stderr = stderr
    self.proxiesSignals = proxiesSignals
    self.detachKeys = detachKeys
  }
}

/// What `exec` is asked for.
package struct ExecRequest: Sendable {
  package var command: [String]
  package var environment: [String] = []
  package var workingDirectory: String?
  package var user: String?
  package var terminal = false
  package var stdin = false
  package var privileged = false
  package var detached = false
  package var detachKeys: String?

  package init(command: [String]) { self.command = command }
}

/// How `run` ended for the caller.
package enum RunOutcome: Equatable, Sendable {
  /// The program ended; the code a shell would report.
  case exited(Int32)
  /// The same, but part of what it wrote could not be shown: errno of the caller's own stdout or stderr.
  case unheard(Int32, errno: Int32)
  /// With `-d`: the container's id, once its program really runs.
  case started(id: String)
  /// The caller left with the detach keys; the container runs on.
  case detached

  static func ended(_ code: Int32, outputFailure: Int32?) -> RunOutcome {
    outputFailure.map { .unheard(code, errno: $0) } ?? .exited(code)
  }
}

/// A container made, and what could not be done as asked.
package struct CreatedContainer: Equatable, Sendable {
  package var id: String
  package var name: String
  /// Sentences for stderr, each behind `WARNING: `.
  package var warnings: [String]

  package init(id: String, name: String, warnings: [String]) {
    self.id = id
    self.name = name
    self.warnings = warnings
  }
}

/// Where the engine keeps its state.
package struct EngineOptions: Sendable {
  /// `--root`, nil is the user's own.
  package var root: String?
  /// `--runroot`, nil is the user's own.
  package var runRoot: String?

  package init(root: String? = nil, runRoot: String? = nil) {
    self.root = root
    self.runRoot = runRoot
  }
}
