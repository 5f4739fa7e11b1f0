import TestSupport
import Testing

/// Volumes: what is in them at first, whose it is, who has them, and when they go.
@Suite(.serialized, .runsContainers)
struct VolumeTests {
  private func withBusybox(_ body: (Store) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      try body(store)
    }
  }

  /// An image whose /data has a file of another user, modes, a link, an attribute-free tree and a VOLUME.
  private func loadFilled(_ store: Store) throws {
    try store.must(
      "run", "--name", "make", "busybox", "sh", "-c",
      """
      mkdir -p /data/d; echo one > /data/f; ln /data/f /data/hard; ln -s f /data/link; chown 5:6 /data/f /data/d; chmod 4751 /data/f
      chmod 1777 /data/d; touch -d 2001-02-03T04:05:06 /data/f; chown 7:8 /data; chmod 2750 /data
      """)
    try store.must("commit", "-c", "VOLUME /data", "make", "filled")
    try store.must("rm", "make")
  }

  private let listing = "cd /v; for f in . d f hard link; do stat -c '%n %a %u:%g %h' $f; done; stat -c %Y f; cat f"

  @Test func `what the image has is copied once, as it is`() throws {
    try withBusybox { store in
      try loadFilled(store)
      try store.must("run", "--rm", "-v", "data:/data", "filled", "true")
      let seen = try store.must("run", "--rm", "-v", "data:/v", "busybox", "sh", "-c", listing).out
      let image = try store.must(
        "run", "--rm", "--image-volume", "ignore", "filled", "sh", "-c",
        listing.replacing("cd /v", with: "cd /data")
      ).out
      #expect(seen == image)
      #expect(seen.contains("f 4751 5:6 2"))
      // Emptied by its user, it stays empty.
      try store.must("run", "--rm", "-v", "data:/v", "busybox", "sh", "-c", "rm -rf /v/*")
      #expect(try store.must("run", "--rm", "-v", "data:/data", "filled", "ls", "-A", "/data").out == "")
      try store.must("system", "check")
    }
  }

  @Test func `our own files are in a volume on /etc too`() throws {
    try withBusybox { store in
      for mode in ["rw", "ro"] {
        let seen = try store.must(
          "run", "--rm", "-h", "box", "-v", "etc:/etc:\(mode)", "busybox", "sh", "-c",
          "cat /etc/hostname; ls /etc/passwd"
        )
        #expect(seen.lines == (mode == "rw" ? ["box", "/etc/passwd"] : ["/etc/passwd"]))
      }
    }
  }

  /// SECURITY E2, CVE-2020-1726.
  @Test func `a link at the volume's path is followed in the image alone`() throws {
    try withBusybox { store in
      try store.must(
        "run", "--name", "make", "busybox", "sh", "-c",
        "ln -s /etc /abs; ln -s ../../../../etc /rel; mkdir /up; ln -s /up /parent; mkdir /up/sub; echo in > /up/sub/f; ln -s / /out"
      )
      try store.must("commit", "make", "links")
      let inside = try store.must("run", "--rm", "links", "ls", "-A", "/etc").lines
      for (name, target) in [("abs", "/abs"), ("rel", "/rel")] {
        let seen = try store.must("run", "--rm", "-v", "\(name):\(target)", "links", "ls", "-A", "/etc").lines
        #expect(seen == inside, "\(target)")
      }
      #expect(
        try store.must("run", "--rm", "-v", "parent:/parent/sub", "links", "cat", "/up/sub/f").out == "in")
      // Nothing of the host came along.
      #expect(!inside.contains("debian_version"))
    }
  }

  @Test func `several containers that begin with one new volume see one whole copy`() throws {
    try withBusybox { store in
      try loadFilled(store)
      let started = try (0..<6).map { _ in
        try store.start(["run", "--rm", "-v", "data:/data", "filled", "sh", "-c", "ls /data | wc -l; cat /data/f"])
      }
      for child in started { #expect(child.wait().lines == ["4", "one"]) }
    }
  }

  @Test func `nothing is copied with nocopy, nor into one that has something`() throws {
    try withBusybox { store in
      try loadFilled(store)
      #expect(try store.must("run", "--rm", "-v", "aa:/data:nocopy", "filled", "ls", "-A", "/data").out == "")
      #expect(
        try store.must("run", "--rm", "--mount", "type=volume,src=bb,dst=/data,volume-nocopy", "filled", "ls", "/data")
          .out == "")
      try store.must("volume", "create", "cc")
      let mountpoint = try store.must("volume", "inspect", "-f", "{{.Mountpoint}}", "cc").out
      try mustRun(["touch", mountpoint + "/own"], as: store.identity)
      #expect(try store.must("run", "--rm", "-v", "cc:/data", "filled", "ls", "-A", "/data").out == "own")
    }
  }

  @Test func `an image's VOLUME is an anonymous volume that goes with --rm and rm -v`() throws {
    try withBusybox { store in
      try loadFilled(store)
      func volumes() throws -> [String] { try store.must("volume", "ls", "-q").lines }
      #expect(try store.must("run", "--rm", "filled", "cat", "/data/f").out == "one")
      #expect(try volumes().isEmpty)
      try store.must("run", "--name", "keep", "filled", "sh", "-c", "echo two > /data/f")
      let name = try #require(try volumes().first)
      #expect(name.count == 64)
      try store.must("start", "-a", "keep")
      #expect(try store.must("cp", "keep:/data/f", "-").out.contains("two"))
      try store.must("rm", "keep")
      #expect(try volumes() == [name])
      #expect(try store.must("volume", "prune", "-f", "--dry-run").out.contains(name))
      try store.must("volume", "prune", "-f")
      #expect(try volumes().isEmpty)
      try store.must("create", "--name", "gone", "filled")
      #expect(try volumes().count == 1)
      try store.must("create", "--name", "other", "--volumes-from", "gone", "busybox", "ls", "/data")
      try store.must("rm", "-v", "gone")
      // Another container has it as well.
      #expect(try volumes().count == 1)
      try store.must("rm", "-v", "other")
      #expect(try volumes().isEmpty)
      #expect(
        try store.must(
          "run", "--rm", "--image-volume", "tmpfs", "filled", "sh", "-c", "ls -A /data; df /data | tail -1"
        )
        .out.contains("tmpfs"))
    }
  }

  @Test func `two containers share a volume, and one that is used is not removed`() throws {
    try withBusybox { store in
      try store.must("run", "-d", "--name", "one", "-v", "shared:/v", "busybox", "sleep", "100")
      try store.must("exec", "one", "sh", "-c", "echo hello > /v/f")
      #expect(try store.must("run", "--rm", "-v", "shared:/w:ro", "busybox", "cat", "/w/f").out == "hello")
      let readOnly = try store.dhow("run", "--rm", "-v", "shared:/w:ro", "busybox", "touch", "/w/g")
      #expect(readOnly.err.contains("Read-only file system"))
      let refused = try store.dhow("volume", "rm", "shared")
      #expect(refused.status == 1)
      #expect(refused.err.contains("volume is in use"))
      #expect(
        try store.must("ps", "--filter", "volume=shared", "--format", "{{.Names}}").out == "one")
      try store.must("rm", "-f", "one")
      #expect(try store.must("run", "--rm", "-v", "shared:/w", "busybox", "cat", "/w/f").out == "hello")
      #expect(try store.must("volume", "rm", "shared").out == "shared")
      #expect(try store.dhow("volume", "exists", "shared").status == 1)
      #expect(
        try store.must("events", "--since", "1h", "--until", "0s", "--filter", "type=volume", "--format", "{{.Action}}")
          .lines == ["create", "destroy"])
    }
  }

  @Test func `a subpath is mounted, a link in it is not followed (A8)`() throws {
    try withBusybox { store in
      try store.must(
        "run", "--rm", "-v", "data:/v", "busybox", "sh", "-c", "mkdir -p /v/a/b; echo x > /v/a/b/f; ln -s /etc /v/l")
      func mount(_ subpath: String) throws -> Outcome {
        try store.dhow(
          "run", "--rm", "--mount", "type=volume,src=data,dst=/m,volume-subpath=\(subpath)", "busybox", "ls", "/m")
      }
      #expect(try mount("a/b").out == "f")
      #expect(try mount("a/b/f").out == "/m")
      let link = try mount("l")
      #expect(link.status == 125)
      #expect(link.err.contains("not followed"))
      #expect(try mount("none").err.contains("does not exist"))
      #expect(try mount("../data").status == 125)
    }
  }

  @Test func `U gives the files to the container's user`() throws {
    try withBusybox { store in
      try store.must("run", "--rm", "-v", "data:/v", "busybox", "sh", "-c", "mkdir /v/d; touch /v/d/f; ln -s f /v/d/l")
      let script = "stat -c '%u:%g' /v /v/d /v/d/f /v/d/l; touch /v/d/mine"
      #expect(
        try store.must("run", "--rm", "-u", "12:34", "-v", "data:/v:U", "busybox", "sh", "-c", script).lines
          == Array(repeating: "12:34", count: 4))
    }
  }

  @Test func `O keeps changes from the source`() throws {
    try withBusybox { store in
      let folder = try store.folder("source")
      _ = try store.file("source/f", "old\n")
      try store.must("run", "--rm", "-v", "data:/v", "busybox", "sh", "-c", "echo old > /v/f")
      for source in [folder, "data"] {
        try store.must(
          "run", "--name", "oo", "-v", "\(source):/v:O", "busybox", "sh", "-c", "cat /v/f; echo new > /v/f")
        // A start begins again with what the source has.
        #expect(try store.must("start", "-a", "oo").out == "old")
        try store.must("rm", "oo")
        #expect(try store.must("run", "--rm", "-v", "\(source):/v", "busybox", "cat", "/v/f").out == "old")
      }
    }
  }

  @Test func `driver options make tmpfs and bind volumes, and no other`() throws {
    try withBusybox { store in
      try store.must("volume", "create", "-o", "type=tmpfs", "-o", "o=size=1m", "memory")
      #expect(try store.must("run", "--rm", "-v", "memory:/m", "busybox", "df", "-k", "/m").out.contains("1024"))
      let folder = try store.folder("bound")
      _ = try store.file("bound/f", "here\n")
      try store.must("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=\(folder)", "bound")
      #expect(try store.must("run", "--rm", "-v", "bound:/m", "busybox", "cat", "/m/f").out == "here")
      for options in [["type=nfs", "device=h:/x"], ["type=none"], ["size=1m"], ["o=bind", "device=relative"]] {
        let outcome = try store.dhow(["volume", "create"] + options.flatMap { ["-o", $0] } + ["bad"])
        #expect(outcome.status == 1 || outcome.status == 125, "\(outcome)")
        #expect(try store.dhow("volume", "exists", "bad").status == 1)
      }
    }
  }

  @Test func `export and import carry owners and links`() throws {
    try withBusybox { store in
      try loadFilled(store)
      try store.must("run", "--rm", "-v", "data:/data", "filled", "true")
      try store.must("volume", "export", "data", "-o", store.directory + "/data.tar")
      try store.must("volume", "create", "copy")
      try store.must("volume", "import", "copy", store.directory + "/data.tar")
      func seen(_ name: String) throws -> String {
        try store.must("run", "--rm", "-v", "\(name):/v:nocopy", "busybox", "sh", "-c", listing + "; ls -A").out
      }
      let (data, copy) = (try seen("data").split(separator: "\n"), try seen("copy").split(separator: "\n"))
      // The root directory of an archive of files is where it is unpacked.
      #expect(data.dropFirst() == copy.dropFirst())
      #expect(try store.dhow("volume", "import", "none", store.directory + "/data.tar").status == 1)
    }
  }

  @Test(.requires(.unprivilegedUser))
  func `with keep-id a new volume has the image's owners and root's where there is none`() throws {
    try withStore(as: .unprivileged) { store in
      try store.loadBusybox()
      try loadFilled(store)
      let script = "stat -c %u:%g /data /data/f /new"
      #expect(
        try store.must(
          "run", "--rm", "-u", "0", "--userns", "keep-id", "-v", "aa:/data", "-v", "bb:/new", "filled", "sh", "-c",
          script
        ).lines == ["7:8", "5:6", "0:0"])
    }
  }

  @Test func `a copy that was cut short is made again`() throws {
    try withBusybox { store in
      try loadFilled(store)
      let killed = try store.dhow(
        ["run", "--name", "cut", "-v", "data:/data", "filled", "true"], faults: [.kill("store.volume.copying")])
      #expect(killed.status != 0)
      let mountpoint = try store.must("volume", "inspect", "-f", "{{.Mountpoint}}", "data").out
      try mustRun(["touch", mountpoint + "/half"], as: store.identity)
      #expect(
        try store.must("run", "--rm", "-v", "data:/data", "filled", "ls", "/data").lines == ["d", "f", "hard", "link"])
    }
  }
}
