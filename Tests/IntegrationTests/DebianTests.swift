import TestSupport
import Testing

/// A real distribution: owners, modes, links, attributes and times as they are in the archive, and its package manager works.
@Suite(.serialized, .runsContainers, .requires(.debian))
struct DebianTests {
  /// A package of every kind of file: owners, set-id and sticky bits, links, an attribute set by its script.
  private func package(in store: Store) throws -> String {
    let tree = try store.folder("package")
    let script = """
      set -eu
      cd "$1"
      mkdir -p DEBIAN opt/demo/shared usr/bin
      printf 'Package: demo\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: demo <demo@example.org>\\nDescription: demo\\n' \
        >DEBIAN/control
      printf '#!/bin/sh\\nset -e\\nchown www-data:mail /opt/demo/owned\\nuseradd --system demo\\n' >DEBIAN/postinst
      chmod 0755 DEBIAN/postinst
      echo owned >opt/demo/owned
      echo secret >opt/demo/secret; chmod 0600 opt/demo/secret
      printf '#!/bin/sh\\necho demo works\\n' >usr/bin/demo; chmod 4755 usr/bin/demo
      ln opt/demo/owned opt/demo/hard
      ln -s owned opt/demo/soft
      chmod 3777 opt/demo/shared
      find . -exec touch -h -d @1600000000 {} +
      dpkg-deb --root-owner-group --build . "$2" >/dev/null
      """
    let deb = store.directory + "/demo_1.0_all.deb"
    try mustRun(["sh", "-c", script, "sh", tree, deb])
    try mustRun(["chmod", "0644", deb])
    return deb
  }

  /// Installs the package and lists what lies on the disk: kind, mode, owner, size, time, link and name of every file
  /// but the root itself, which podman 4.3 makes 0555 whatever the archive says.
  private static let install = """
    set -e
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y /demo.deb >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
    demo
    id -u demo >/dev/null
    find / -xdev -mindepth 1 \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/log \\
      -o -path /var/cache -o -path /var/lib -o -path /etc \\) -prune \\
      -o \\( -type d -printf '%y %m %U:%G - - %p\\n' -o -printf '%y %m %U:%G %s %T@ %l %p\\n' \\) | sort
    stat -c '%n %a %u:%g %h' /opt/demo/* /etc/passwd /etc/shadow
    """

  @Test(.requires(.program("podman")))
  func `apt-get installs a package, and every file is as in podman`() throws {
    try withStore { store in
      try store.loadDebian()
      let deb = try package(in: store)
      let mount = "\(deb):/demo.deb:ro"
      let ours = try store.must(
        "run", "--rm", "--network", "none", "-v", mount, "debian", "bash", "-c", Self.install, timeout: 300)
      #expect(ours.lines.first == "demo works")
      #expect(ours.out.contains("/opt/demo/owned 644 33:8 2"))
      let podman = try PodmanStore(store)
      try podman.must("load", "-i", ImageFixture.debian())
      let theirs = try podman.must(
        "run", "--rm", "--network", "none", "-v", mount, "debian", "bash", "-c", Self.install)
      expectSame(ours.lines, theirs.lines)
    }
  }

  @Test func `an export has the owners, modes, links, times and attributes of the archive`() throws {
    try withStore { store in
      try store.loadDebian()
      try store.must("create", "--name", "cc", "--network", "none", "debian")
      let exported = store.directory + "/exported.tar"
      try store.must("export", "-o", exported, "cc", timeout: 300)
      let layer = try mustRun([
        "sh", "-c", "tar -xOf \"$1\" --wildcards '*/layer.tar' | \(Self.listing)", "sh", ImageFixture.debian(),
      ])
      let ours = try mustRun(["sh", "-c", "cat \"$1\" | \(Self.listing)", "sh", exported])
      expectSame(ours.lines, layer.lines)
    }
  }

  /// Compares as sets and shows what differs only; the lists themselves are too long for an expectation to keep.
  private func expectSame(_ ours: [String], _ theirs: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    let enough = ours.count > 5000
    let more = Set(ours).subtracting(theirs).sorted().prefix(10).joined(separator: "\n")
    let less = Set(theirs).subtracting(ours).sorted().prefix(10).joined(separator: "\n")
    #expect(enough, sourceLocation: sourceLocation)
    #expect(more == "", "only here", sourceLocation: sourceLocation)
    #expect(less == "", "missing here", sourceLocation: sourceLocation)
  }

  /// One line for every member of a tar on standard input, without the leading `./` that some write. Hard links are left out,
  /// for which of several names comes first is nobody's promise, and device nodes, which a container gets from the engine.
  private static let listing = """
    tar --xattrs --xattrs-include='*' --numeric-owner --full-time -tvvf - | grep -v '^[hcb]' | sed 's# \\./# #; s#/$##' | \
    grep -v ' $' | sort
    """

  @Test func `a file's attributes survive the load and are those of the container's user`() throws {
    try withStore { store in
      try store.loadDebian()
      // perl-base has no module for attributes; the calls' numbers are x86-64's.
      let program = """
        my ($file, $name, $value) = ('/root/x', 'user.note', 'kept');
        open my $f, '>', $file; close $f;
        syscall(188, $file, $name, $value, 4, 0) == 0 or die "setxattr: $!";
        """
      try store.must("run", "--name", "cc", "--network", "none", "debian", "perl", "-e", program)
      let exported = store.directory + "/exported.tar"
      try store.must("export", "-o", exported, "cc")
      #expect(try run(["grep", "-ac", "SCHILY.xattr.user.note=kept", exported]).out == "1")
    }
  }
}
