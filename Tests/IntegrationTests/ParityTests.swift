import TestSupport
import Testing

/// One change of files in a container, made here and by podman.
private struct Change: Sendable {
  let name: String
  /// Makes what the image has, and what the container does with it, in a directory of its own.
  let before: String
  let change: String
  /// Why `diff` tells another story than podman 4.3; nil when it is the same.
  var difference: String?

  init(_ name: String, _ before: String, _ change: String, differs difference: String? = nil) {
    (self.name, self.before, self.change, self.difference) = (name, before, change, difference)
  }
}

private let opaque =
  "docker's way: what is there before and after has changed; podman tells the removal of the first one"

/// `diff` and `commit` as podman does them, in one container of each.
@Suite(.serialized, .runsContainers, .requires(.program("podman")))
struct ParityTests {
  private static let changes = [
    Change("a new file", "", "echo 1 >f"),
    Change("a new empty file", "", "touch f"),
    Change("a new directory with files", "", "mkdir -p d/e; echo 1 >d/e/f"),
    Change("a changed file", "echo 1 >f", "echo 2 >f"),
    Change("the same content written again", "echo 1 >f", "echo 1 >f"),
    Change("an appended file", "echo 1 >f", "echo 2 >>f"),
    Change("a changed mode", "echo 1 >f", "chmod 600 f"),
    Change("a changed owner", "echo 1 >f", "chown 5:6 f"),
    Change("changed times", "echo 1 >f", "touch -d 2001-01-01 f"),
    Change("setuid and setgid", "echo 1 >f; echo 1 >g", "chmod 4755 f; chmod 2755 g"),
    Change("a sticky directory", "mkdir d", "chmod 1777 d"),
    Change("a directory's mode", "mkdir d; echo 1 >d/f", "chmod 700 d"),
    Change("a directory's owner", "mkdir d; echo 1 >d/f", "chown 7 d", differs: "podman does not look at owners"),
    Change("a deleted file", "echo 1 >f; echo 2 >g", "rm f"),
    Change("a deleted empty directory", "mkdir d", "rmdir d"),
    Change("a deleted tree", "mkdir -p d/e; echo 1 >d/e/f", "rm -r d"),
    Change("deleted and made again", "echo 1 >f", "rm f; echo 2 >f"),
    Change(
      "a directory made again", "mkdir d; echo 1 >d/f; echo 2 >d/g", "rm -r d; mkdir d; echo 3 >d/g", differs: opaque),
    Change("a directory made again, empty", "mkdir d; echo 1 >d/f", "rm -r d; mkdir d", differs: opaque),
    Change("a file in place of a directory", "mkdir d; echo 1 >d/f", "rm -r d; echo 1 >d"),
    Change("a link in place of a file", "echo 1 >f", "rm f; ln -s /etc f"),
    Change("a directory in place of a link", "mkdir t; ln -s t l", "rm l; mkdir l; echo 1 >l/x", differs: opaque),
    Change("a renamed file", "echo 1 >f", "mv f g"),
    Change("a renamed directory", "mkdir d; echo 1 >d/f", "mv d e"),
    Change("a file moved down", "echo 1 >f; mkdir d", "mv f d/f"),
    Change("a file over another one", "echo 1 >f; echo 2 >g", "mv f g"),
    Change("a hard link to a new file", "", "echo 1 >f; ln f g"),
    Change("a hard link to an old file", "echo 1 >f", "ln f g"),
    Change("one name of two removed", "echo 1 >f; ln f g", "rm f"),
    Change("writing through a hard link", "echo 1 >f; ln f g", "echo 2 >>f"),
    Change("a symbolic link", "", "ln -s /nowhere/at/all l"),
    Change(
      "another symbolic link", "ln -s a l", "ln -sf b l", differs: "podman calls a link whose target is not there new"),
    Change("a link to outside", "", "ln -s ../../../../../../etc/passwd l"),
    Change("a sparse file", "", "dd if=/dev/zero of=f bs=1 count=1 seek=10000000 2>/dev/null"),
    Change("a fifo", "", "mkfifo p"),
    Change("names with blanks and quotes", "", "echo 1 >'a b'; echo 1 >\"it's\""),
    Change("names that begin with a dot", "", "echo 1 >.f; echo 1 >.wx"),
    Change("deep directories", "mkdir -p a/b/c/d/e; echo 1 >a/b/c/d/e/f", "echo 2 >a/b/c/d/e/g"),
    Change(
      "made and removed", "", "echo 1 >f; rm f", differs: "a directory whose times alone have changed is no change"),
    Change("an attribute", "echo 1 >f", "x setfattr -n user.k -v v f"),
    Change("an attribute of a new file", "", "echo 1 >f; x setfattr -n user.k -v v f"),
    Change("an attribute of a directory", "mkdir d", "x setfattr -n user.k -v v d"),
    Change("another attribute", "echo 1 >f; x setfattr -n user.k -v v f", "x setfattr -n user.k -v w f"),
    Change("an attribute taken away", "echo 1 >f; x setfattr -n user.k -v v f", "x setfattr -x user.k f"),
    Change("a capability", "echo 1 >f", "x setcap cap_net_raw+ep f"),
    Change("a capability of a new file", "", "echo 1 >f; x setcap cap_net_raw+ep f"),
    Change("a capability kept", "echo 1 >f; x setcap cap_net_raw+ep f", "echo 1 >g"),
    Change("a capability lost by writing", "echo 1 >f; x setcap cap_net_raw+ep f", "echo 2 >>f"),
    Change("a directory in place of an empty one", "mkdir d e; echo 1 >d/f", "rmdir e; mv d e", differs: opaque),
  ]

  /// Each in its directory, in turn.
  private static func script(_ part: (Change) -> String) -> String {
    tools
      + changes.enumerated().map { number, change in
        "mkdir -p /c/\(number); (cd /c/\(number); \(part(change).isEmpty ? "true" : part(change)))"
      }.joined(separator: "; ")
  }

  /// Makes a folder of the host's programs for attributes with their libraries; those it has not are left out, and the
  /// cases then change nothing.
  private static let collect = """
    PATH=$PATH:/usr/sbin:/sbin
    for p in getfattr setfattr setcap; do
      f=$(command -v $p) || continue
      cp "$f" . && for l in $(ldd "$f" | grep -o '/[^ ]*'); do cp -L $l .; done
    done
    for l in ld-*; do [ ! -e $l ] || mv $l ld; done
    """
  /// Runs one of them in a container.
  private static let tools = """
    x() { [ ! -e /tools/$1 ] || { p=$1; shift; /tools/ld --library-path /tools /tools/$p "$@"; }; }

    """

  private static let look =
    tools + """
      find /c | sort | while read -r f; do stat -c '%n|%F|%a|%u:%g|%h|%s|%N' "$f"; done
      find /c -type f -size -100k | sort | while read -r f; do echo "$f=$(cat "$f")"; done
      find /c | sort | while read -r f; do x getfattr -h -d -m - -e hex --absolute-names "$f"; done
      """

  /// The lines of `diff` below one directory, without directories that are told for what is in them: docker tells
  /// each of them, podman those alone whose own times have changed.
  private func told(_ lines: [String], _ number: Int) -> [String] {
    let own = lines.filter { $0.dropFirst(2).hasPrefix("/c/\(number)/") }
    return own.filter { line in
      !line.hasPrefix("C ") || !own.contains { $0.dropFirst(2).hasPrefix(line.dropFirst(2) + "/") }
    }.sorted()
  }

  @Test func `changes are told as podman tells them, and a commit holds the same files`() throws {
    try withStore { store in
      try store.loadBusybox()
      let tools = try store.folder("tools")
      try mustRun(["sh", "-c", Self.collect], as: store.identity, directory: tools)
      let volume = tools + ":/tools"
      try store.must("run", "--name", "base", "-v", volume, "busybox", "sh", "-c", Self.script(\.before))
      let tar = store.directory + "/base.tar"
      try store.must("export", "-o", tar, "base")
      try store.must("import", tar, "parity:1")
      let podman = try PodmanStore(store)
      try podman.must("import", "-q", tar, "parity:1")
      let change = Self.script(\.change)
      try store.must("run", "--name", "cc", "-v", volume, "parity:1", "sh", "-c", change)
      try podman.must("run", "--name", "cc", "--network", "none", "-v", volume, "parity:1", "sh", "-c", change)
      let ours = try store.must("diff", "cc").lines
      let theirs = try podman.must("diff", "cc").lines
      for (number, change) in Self.changes.enumerated() where change.difference == nil {
        #expect(told(ours, number) == told(theirs, number), "\(change.name)")
      }
      try store.must("commit", "cc", "made:1")
      try podman.must("commit", "-q", "cc", "made:1")
      let mine = try store.must("run", "--rm", "-v", volume, "made:1", "sh", "-c", Self.look).lines
      let others = try podman.must("run", "--rm", "--network", "none", "-v", volume, "made:1", "sh", "-c", Self.look)
        .lines
      #expect(mine.count > Self.changes.count)
      if exists(tools + "/setfattr") { #expect(mine.contains("user.k=0x77")) }
      for (line, other) in zip(mine, others) { #expect(line == other) }
      #expect(mine.count == others.count)
    }
  }
}
