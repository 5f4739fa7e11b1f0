internal import Glibc
package import Testing

/// Something a test needs of the machine. A test without it is skipped by name, with the reason.
package enum Need: Sendable {
  /// The test process is root, so that it can make devices, mounts and users.
  case root
  /// Tests run the program as root (`DHOW_TEST_AS=root`).
  case runsAsRoot
  /// Tests run the program as an unprivileged user.
  case runsRootless
  /// An unprivileged user to run the program as.
  case unprivilegedUser
  /// The unprivileged user has a range of subordinate ids, and newuidmap is there; root needs neither.
  case subordinateIDs
  /// overlayfs can be mounted by whoever runs the program.
  case overlay
  /// The distribution's static busybox, for images.
  case busybox
  /// A debootstrap Debian, in the cache or makeable.
  case debian
  /// tmux, for tests with a terminal.
  case terminal
  /// A program on PATH.
  case program(String)
  /// The distribution's registry, and openssl for its certificates.
  case registry
  /// An init system that is systemd.
  case systemd

  /// Nil if the machine has it, else why not.
  package var missing: String? {
    switch self {
    case .root: Identity.callerIsRoot ? nil : "needs a test process of root"
    case .runsAsRoot: Identity.standard == .root ? nil : "is about root's containers: DHOW_TEST_AS=root"
    case .runsRootless: Identity.standard == .unprivileged ? nil : "is about rootless containers: DHOW_TEST_AS=user"
    case .unprivilegedUser:
      Identity.unprivilegedAccount == nil ? "needs an unprivileged user, named by DHOW_TEST_USER" : nil
    case .subordinateIDs: Need.missingSubordinateIDs
    case .overlay: Need.missingOverlay
    case .busybox: exists("/bin/busybox") ? nil : "needs busybox-static"
    case .debian: ImageFixture.debianIsMakeable ? nil : "needs debootstrap and root (or sudo without a password)"
    case .terminal: isInstalled("tmux") ? nil : "needs tmux"
    case .program(let name): isInstalled(name) ? nil : "needs \(name)"
    case .registry:
      isInstalled("docker-registry") && isInstalled("openssl") ? nil : "needs docker-registry and openssl"
    case .systemd: exists("/run/systemd/system") ? nil : "needs systemd as the init system"
    }
  }

  private static let missingSubordinateIDs: String? = {
    if Identity.standard == .root { return nil }
    guard let account = Identity.unprivilegedAccount else { return "needs an unprivileged user" }
    guard account.hasSubordinateIDs else { return "needs a range of subordinate ids for \(account.name)" }
    return isInstalled("newuidmap") && isInstalled("newgidmap") ? nil : "needs uidmap"
  }()

  private static let missingOverlay: String? = {
    let script = """
      d=$(mktemp -d /var/tmp/dhow-probe-XXXXXX) && mkdir $d/l $d/u $d/w $d/m &&
      mount -t overlay overlay -o lowerdir=$d/l,upperdir=$d/u,workdir=$d/w$1 $d/m; s=$?
      umount $d/m 2>/dev/null; rm -rf $d; exit $s
      """
    let shell = ["sh", "-c", script, "sh"]
    let command =
      Identity.standard == .root
      ? ["unshare", "-m"] + shell + [""] : ["unshare", "-rm"] + shell + [",userxattr"]
    // A probe that cannot even start is an answer as well.
    guard let outcome = try? run(command, as: Identity.standard), outcome.succeeded else {
      return "needs overlayfs mountable by \(Identity.standard)"
    }
    return nil
  }()
}

extension Trait where Self == ConditionTrait {
  /// Skips the test, with the reason, unless the machine has all of this.
  package static func requires(_ needs: Need...) -> Self {
    let missing = needs.compactMap(\.missing)
    return .enabled(if: missing.isEmpty, Comment(rawValue: missing.joined(separator: "; ")))
  }

  /// What nearly every integration test needs: a user who can run containers, and an image to run.
  package static var runsContainers: Self {
    requires(.unprivilegedUser, .subordinateIDs, .overlay, .busybox)
  }
}
