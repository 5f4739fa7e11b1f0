import TestSupport
import Testing

/// Others read what we write, and we what they write.
@Suite(.serialized, .runsContainers)
struct InterchangeTests {
  private func digests(_ store: Store, _ reference: String) throws -> String {
    try store.must("image", "inspect", "--format", "{{json .RootFS.Layers}}", reference).out
  }

  @Test(.requires(.program("skopeo")))
  func `skopeo reads the store directory as an OCI layout`() throws {
    try withStore { store in
      try store.loadBusybox()
      let name = "oci:\(store.root):docker.io/library/busybox:latest"
      let raw = try mustRun(["skopeo", "inspect", "--raw", name], as: store.identity).out
      #expect(raw.contains("application/vnd.oci.image.manifest.v1+json"))
      let copy = try store.folder("copy")
      try mustRun(["skopeo", "copy", "--quiet", name, "oci:\(copy):busybox:latest"], as: store.identity)
      // What skopeo wrote comes back as the same image.
      try withStore { other in
        try mustRun(["tar", "-C", copy, "-cf", other.directory + "/layout.tar", "."])
        try mustRun(["chmod", "0644", other.directory + "/layout.tar"])
        try other.must("load", "-i", other.directory + "/layout.tar")
        #expect(try digests(other, "busybox") == digests(store, "busybox"))
      }
    }
  }

  @Test(.requires(.program("umoci")))
  func `umoci lists and unpacks from the store directory`() throws {
    try withStore { store in
      try store.loadBusybox()
      let listing = try mustRun(["umoci", "list", "--layout", store.root], as: store.identity).out
      #expect(listing.contains("docker.io/library/busybox:latest"))
      let name = "\(store.root):docker.io/library/busybox:latest"
      try mustRun(
        ["umoci", "unpack", "--rootless", "--image", name, store.directory + "/bundle"], as: store.identity)
      #expect(exists(store.directory + "/bundle/rootfs/bin/busybox"))
    }
  }

  @Test(.requires(.program("podman")), arguments: ["docker-archive", "oci-archive"])
  func `podman loads what save wrote`(format: String) throws {
    try withStore { store in
      try store.loadBusybox()
      try store.must("tag", "busybox", "second:name")
      let file = store.directory + "/saved.tar"
      // podman 4.3 takes one image of an oci-archive only.
      let names = format == "oci-archive" ? ["busybox"] : ["busybox", "second:name"]
      #expect(try store.dhow(["save", "--format", format, "-o", file] + names).succeeded)
      let podman = try PodmanStore(store)
      try podman.must("load", "-i", file)
      #expect(try podman.must("run", "--rm", "--network", "none", "busybox", "echo", "works").out == "works")
      let layers = try podman.must("image", "inspect", "--format", "{{json .RootFS.Layers}}", "busybox").out
      #expect(try digests(store, "busybox") == layers)
    }
  }

  @Test(.requires(.program("podman")), arguments: ["docker-archive", "oci-archive"])
  func `what podman saved runs here`(format: String) throws {
    try withStore { store in
      let podman = try PodmanStore(store)
      try podman.must("load", "-i", ImageFixture.busybox())
      let file = store.directory + "/podman.tar"
      try podman.must("save", "--format", format, "-o", file, "busybox")
      try store.must("load", "-i", file)
      #expect(try store.must("run", "--rm", "--network", "none", "busybox", "echo", "works").out == "works")
    }
  }

  @Test(.requires(.program("podman")), arguments: ["docker-dir", "oci-dir"])
  func `podman reads the directories that save writes, and we those of podman`(format: String) throws {
    try withStore { store in
      try store.loadBusybox()
      let id = try store.must("image", "inspect", "--format", "{{.Id}}", "busybox").out
      let ours = store.directory + "/ours"
      #expect(try store.must("save", "--format", format, "-o", ours, "busybox").out == "")
      let podman = try PodmanStore(store)
      // podman makes a name of the path as it was given, which must be in small letters.
      let loaded = try podman.must("load", "-i", "ours").out
      let name = try #require(loaded.split(separator: " ").last.map(String.init))
      #expect("sha256:" + (try podman.must("image", "inspect", "--format", "{{.Id}}", name).out) == id)
      let theirs = store.directory + "/theirs"
      try podman.must("save", "--format", format, "-o", theirs, name)
      try withStore { other in
        try mustRun(["cp", "-r", theirs, other.directory + "/theirs"])
        try mustRun(["chmod", "-R", "a+rX", other.directory + "/theirs"])
        try other.must("load", "-i", other.directory + "/theirs")
        #expect(try other.must("images", "-q", "--no-trunc").out == id)
        let other = try other.must("run", "--rm", "--network", "none", id, "echo", "works")
        #expect(other.out == "works")
      }
    }
  }

  @Test(arguments: ["docker-dir", "oci-dir"])
  func `a saved directory loads again, and is written into nothing but an empty one`(format: String) throws {
    try withStore { store in
      try store.loadBusybox()
      let id = try store.must("image", "inspect", "--format", "{{.Id}}", "busybox").out
      let target = store.directory + "/saved"
      try store.must("save", "--format", format, "-o", target, "busybox")
      let again = try store.dhow("save", "--format", format, "-o", target, "busybox")
      expectRefusal(again, status: 1, naming: target, "not empty", hint: true)
      let file = try store.file("occupied", "mine")
      expectRefusal(
        try store.dhow("save", "--format", format, "-o", file, "busybox"), status: 1, naming: file, "no directory",
        hint: true)
      #expect(try readText(file) == "mine")
      expectRefusal(
        try store.dhow("save", "--format", format, "busybox"), status: 125, naming: "is a directory and no stream",
        hint: true)
      expectRefusal(
        try store.dhow("save", "--format", format, "-o", store.directory + "/none", "missing"), status: 1,
        naming: "missing")
      #expect(!exists(store.directory + "/none"))
      try withStore { other in
        try mustRun(["cp", "-r", target, other.directory + "/copy"])
        try mustRun(["chmod", "-R", "a+rX", other.directory + "/copy"])
        let loaded = try other.must("load", "-i", other.directory + "/copy").out
        #expect(loaded == (format == "oci-dir" ? "Loaded image: busybox:latest" : "Loaded image ID: \(id)"))
        #expect(try other.must("images", "-q", "--no-trunc").out == id)
        // A byte that changed on the way is found.
        let blobs = other.directory + "/copy" + (format == "oci-dir" ? "/blobs/sha256" : "")
        try mustRun(["sh", "-c", "for f in $1/????????????????*; do printf X >>$f; done", "sh", blobs])
        try other.must("rmi", id)
        expectRefusal(
          try other.dhow("load", "-i", other.directory + "/copy"), status: 1, naming: "has the digest")
      }
    }
  }

  @Test(.requires(.program("jq")), arguments: ["xz", "bzip2"])
  func `a layer inside an archive may be compressed by xz or bzip2`(program: String) throws {
    try withStore { store in
      let tree = try store.folder("unpacked")
      try mustRun(["tar", "-C", tree, "-xf", ImageFixture.busybox()])
      let script = """
        cd "$1"; test ! -e index.json || rm -r index.json oci-layout
        layer=$(jq -r '.[0].Layers[0]' manifest.json)
        case $(head -c 2 "$layer" | od -An -tx1) in *1f*8b*) gzip -dc ;; *) cat ;; esac <"$layer" | $2 >packed
        jq '.[0].Layers = ["packed"]' manifest.json >m; mv m manifest.json
        rm "$layer"; tar -cf ../packed.tar *
        """
      try mustRun(["sh", "-e", "-c", script, "sh", tree, program])
      try mustRun(["chmod", "0644", store.directory + "/packed.tar"])
      try store.must("load", "-i", store.directory + "/packed.tar")
      try store.expectWorking("after a layer in \(program)")
      // What is saved now is an image that everybody reads.
      let saved = try store.must("save", "busybox").stdout
      try withStore { try $0.must("load", input: saved) }
    }
  }

  @Test func `saved twice is byte for byte the same, and loads into an empty store`() throws {
    try withStore { store in
      try store.loadBusybox()
      let first = try store.must("save", "busybox").stdout
      #expect(try store.must("save", "busybox").stdout == first)
      let id = try store.must("image", "inspect", "--format", "{{.Id}}", "busybox").out
      try withStore { other in
        try other.must("load", input: first)
        #expect(try other.must("image", "inspect", "--format", "{{.Id}}", "busybox").out == id)
        #expect(try other.must("save", "busybox").stdout == first)
      }
    }
  }

  @Test(arguments: ["gzip", "zstd"])
  func `a compressed archive loads from a file and from standard input`(program: String) throws {
    try withStore { store in
      let packed = try mustRun([program, "-c", ImageFixture.busybox()]).stdout
      try store.must("load", input: packed)
      #expect(try store.must("run", "--rm", "--network", "none", "busybox", "echo", "works").out == "works")
      try store.must("rmi", "busybox")
      let file = try store.file("packed")
      try write(packed, to: file)
      try store.must("load", "-i", file)
      try store.expectWorking("after a \(program) archive")
    }
  }

  @Test(.requires(.program("crun"), .runsAsRoot), arguments: ["runc"])
  func `the same container runs with another runtime`(runtime: String) throws {
    try withStore { store in
      try store.loadBusybox()
      let outcome = try store.dhow("run", "--rm", "--runtime", runtime, "--network", "none", "busybox", "echo", "works")
      #expect(outcome.out == "works", "\(outcome)")
    }
  }
}
