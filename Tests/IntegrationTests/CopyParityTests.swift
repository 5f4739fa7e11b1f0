import TestSupport
import Testing

/// One `cp`, by us and by podman. A word that begins with `@` is in the container.
private struct Copy: Sendable {
  let name: String
  let words: [String]
  /// Why podman 4.3 does something else; nil when it does the same.
  let difference: String?
  /// Where podman does something else, what ours leaves: a line of `look` without the number; nil for a failure.
  let ours: String?

  init(_ name: String, _ words: String, differs difference: String? = nil, ours: String? = nil) {
    self.name = name
    self.words = words.split(separator: " ").map(String.init)
    (self.difference, self.ours) = (difference, ours)
  }
}

private let follows = "docker's way: a link is copied as a link without -L; podman always follows"
private let linkNames = "podman links to the old name, and takes what the container has there for the file"
private let made = "docker's way: a directory may be made by a name with a slash; podman fails"
private let hostLinks = "docker's way: a link of the host is written through; podman replaces it"

/// `cp` as podman does it, in one running and one stopped container of each: the first copy goes to the running one,
/// the second to the stopped one, and so on.
@Suite(.serialized, .runsContainers, .requires(.program("podman"), .runsRootless))
struct CopyParityTests {
  private static let copies = [
    Copy("a file to a new name", "f @n"),
    Copy("a file over a file", "f @f"),
    Copy("a file into a directory", "f @e"),
    Copy("a file into a directory, with a slash", "f @e/"),
    Copy("a file to a directory that is not there", "f @n/"),
    Copy("a file to a file with a slash", "f @f/"),
    Copy("a file without a parent", "f @no/n"),
    Copy("a file below a file", "f @f/n", differs: "podman writes beside the file that is no directory"),
    Copy("a file over a link to a file", "f @l"),
    Copy("a file into a link to a directory", "f @lt"),
    Copy("a file over a link to nothing", "f @z"),
    Copy("a file with a slash", "f/ @n"),
    Copy("nothing", "no @n"),
    Copy("a link", "l @n", differs: follows, ours: "n a1ff 0:0 1 -> f"),
    Copy("a link that is followed", "-L l @n"),
    Copy("a link to nothing", "z @n", differs: follows, ours: "n a1ff 0:0 1 -> nowhere"),
    Copy("a link to nothing that is followed", "-L z @n"),
    Copy("a link to a directory", "lt @n", differs: follows, ours: "n a1ff 0:0 1 -> t"),
    Copy("a link to a directory that is followed", "-L lt @n"),
    Copy("a link to a directory with a slash", "lt/ @n"),
    Copy("a link to a directory with a dot", "lt/. @e"),
    Copy("a tree to a new name", "t @n"),
    Copy("a tree to a new name with a slash", "t @n/", differs: made, ours: "n/d/x 81a4 0:0 1 old host x"),
    Copy("a tree with a slash to a new name", "t/ @n"),
    Copy("a tree into a directory", "t @e"),
    Copy("a tree into the directory it has the name of", "t @t"),
    Copy("a tree's contents to a new name", "t/. @n"),
    Copy("a tree's contents into a directory", "t/. @e/"),
    Copy("a tree's contents over a tree", "t/. @t"),
    Copy("a tree onto a file", "t @f"),
    Copy("a tree without a parent", "t @no/n"),
    Copy("hard links", "k @e"),
    Copy("hard links to a new name", "k @n", differs: linkNames, ours: "n/2 81a4 0:0 2 old host k"),
    Copy("a setuid file", "u @n"),
    Copy("owners that are kept", "-a u @n"),
    Copy(
      "an archive into a directory", "- @e",
      differs: "docker's way: owners are the archive's; podman makes them root's",
      ours: "e/a 89e9 33:8 1 new a"),
    Copy("an archive onto a file", "- @f"),
    Copy("out: a file to a new name", "@f n"),
    Copy("out: a file over a file", "@f f"),
    Copy("out: a file into a directory", "@f e/"),
    Copy("out: a file to a directory that is not there", "@f n/"),
    Copy("out: a file without a parent", "@f no/n"),
    Copy(
      "out: a file over a link to a file", "@f l", differs: hostLinks, ours: "f 81a0 USER 1 old container f"),
    Copy("out: a file into a link to a directory", "@f lt"),
    Copy(
      "out: a file over a link to nothing", "@f z", differs: hostLinks, ours: "nowhere 81a0 USER 1 old container f"),
    Copy("out: a file with a slash", "@f/ n", differs: "podman does not mind that it is no directory"),
    Copy("out: nothing", "@no n"),
    Copy("out: a link", "@l n", differs: follows, ours: "n a1ff USER 1 -> f"),
    Copy("out: a link that is followed", "-L @l n"),
    Copy("out: a link to nothing", "@z n", differs: follows, ours: "n a1ff USER 1 -> nowhere"),
    Copy("out: a link to a directory with a dot", "@lt/. n"),
    Copy("out: a tree to a new name", "@t n"),
    Copy("out: a tree to a new name with a slash", "@t n/", differs: made, ours: "n/d/x 81a4 USER 1 old container x"),
    Copy("out: a tree into a directory", "@t e"),
    Copy("out: a tree into the directory it has the name of", "@t t"),
    Copy("out: a tree's contents into a directory", "@t/. e"),
    Copy("out: a tree onto a file", "@t f"),
    Copy("out: a tree without a parent", "@t no/n"),
    Copy("out: hard links", "@k e"),
    Copy("out: hard links to a new name", "@k n"),
    Copy(
      "out: a setuid file", "@u n", differs: "a program of a container's is nobody's but by -a; podman keeps the bits",
      ours: "n 81e9 USER 1 old container u"),
    Copy("out: another's file", "@o n"),
    Copy(
      "out: another's file, owners kept", "-a @o n",
      differs: "docker's way: owners are kept; podman's -a is about owners in containers",
      ours: "n 81a4 OTHER 1 old container o"),
    Copy("out: a file as an archive", "@f -"),
    Copy("out: a tree's contents as an archive", "@t/. -"),
    Copy("out: a link as an archive", "@l -", differs: follows, ours: "out/l a1ff USER 1 -> f"),
  ]

  /// What every directory has, here and in the containers: `$1` tells the two apart.
  private static let things = """
    export TZ=UTC0; mkdir -p 0/t/d 0/e 0/k; cd 0
    echo "$1 f" >f; chmod 640 f; echo "$1 s" >t/s; echo "$1 x" >t/d/x; ln -s s t/l; echo "$1 k" >k/1; ln k/1 k/2
    ln -s f l; ln -s t lt; ln -s nowhere z; echo "$1 u" >u; chmod 4751 u; echo "$1 o" >o
    if [ $1 = container ]; then chown 5:6 o; fi
    find . -exec touch -h -d '2001-02-03 04:05:06' {} +
    cd ..; for n in $(seq \(copies.count - 1)); do cp -a 0 $n; done
    """
  private static let archive = """
    mkdir a; echo a >a/a; chmod 4751 a/a; tar --owner=33 --group=8 -cf in.tar -C a .; rm -r a
    """

  /// One line for every file below the numbered directories, told whole by one `stat`: kind and mode, owner, links,
  /// whether its time is the old one, where it leads, and what is in it.
  private static let look = """
    export LC_ALL=C
    find [0-9]* -exec stat -c '%f %u:%g %h %Y %n' {} + | while read -r mode owner links time f; do
      old=new; [ $time != 981173106 ] || old=old
      if [ -L "$f" ]; then echo "$f $mode $owner $links -> $(readlink "$f")"
      elif [ -d "$f" ]; then echo "$f $mode $owner"
      else read -r text <"$f"; echo "$f $mode $owner $links $old $text"; fi
    done | sort
    """

  /// What an engine did: whether each copy succeeded, and all files in the end.
  private struct Story {
    var succeeded: [Bool] = []
    var host: [String] = []
    var inside: [String] = []

    /// What became of one copy.
    func of(_ number: Int) -> [String] {
      let own = { (line: String) in line.hasPrefix("\(number)/") || line.hasPrefix("\(number) ") }
      return ["succeeded: \(succeeded[number])"] + host.filter(own).map { "host: " + $0 }
        + inside.filter(own).map { "container: " + $0 }
    }
  }

  private typealias Engine = (_ words: [String], _ input: [UInt8]?, _ directory: String) throws -> Outcome

  /// Makes all copies by an engine, with a directory of the host of its own.
  private func story(_ store: Store, _ place: String, _ engine: Engine) throws -> Story {
    let folder = try store.folder(place)
    let host = { (script: String, directory: String) in
      try mustRun(["sh", "-euc", script, "sh", "host"], as: store.identity, directory: directory)
    }
    _ = try host("umask 22; " + Self.things, folder)
    _ = try host(Self.archive, folder)
    let archive = try readBytes(folder + "/in.tar")
    var story = Story()
    for (number, copy) in Self.copies.enumerated() {
      let container = Self.containers[number % 2]
      let words = copy.words.map { $0.hasPrefix("@") ? "\(container):/c/\(number)/\($0.dropFirst())" : $0 }
      let outcome = try engine(["cp"] + words, copy.words.contains("-") ? archive : nil, "\(folder)/\(number)")
      story.succeeded.append(outcome.succeeded)
      if copy.words.last == "-", outcome.succeeded {
        try write(outcome.stdout, to: folder + "/out.tar", mode: 0o644)
        _ = try host("mkdir out; tar -C out -xpf ../out.tar", "\(folder)/\(number)")
      }
    }
    story.host = try host(Self.look, folder).lines
    _ = try engine(["start", "down"], nil, folder)
    for (number, container) in Self.containers.enumerated() {
      let inside = try engine(["exec", "-w", "/c", container, "sh", "-euc", Self.look], nil, folder)
      guard inside.succeeded else { throw FixtureError(inside.description) }
      // What the other container has in the directories of this one's copies was never touched.
      story.inside += inside.lines.filter { line in
        (Int(line.prefix { $0 != "/" && $0 != " " }) ?? 0) % 2 == number
      }
    }
    return story
  }

  /// The host's ids of a container's 5:6.
  private static let mapped = """
    m='$1 <= id && id < $1 + $3 { print $2 + id - $1 }'
    awk -v id=5 "$m" /proc/self/uid_map; awk -v id=6 "$m" /proc/self/gid_map
    """
  private static let containers = ["up", "down"]

  @Test func `files are copied in and out as podman copies them`() throws {
    try withStore { store in
      try store.loadBusybox()
      try store.must(
        "run", "--name", "base", "busybox", "sh", "-euc", "mkdir /c; cd /c; umask 22; " + Self.things, "sh",
        "container")
      let tar = store.directory + "/base.tar"
      try store.must("export", "-o", tar, "base")
      try store.must("import", tar, "parity:1")
      let podman = try PodmanStore(store)
      try podman.must("import", "-q", tar, "parity:1")
      try store.must("run", "-d", "--name", "up", "parity:1", "sleep", "1000")
      try podman.must("run", "-d", "--name", "up", "--network", "none", "parity:1", "sleep", "1000")
      try store.must("create", "--name", "down", "parity:1", "sleep", "1000")
      try podman.must("create", "--name", "down", "--network", "none", "parity:1", "sleep", "1000")
      let ours = try story(store, "ours") { try store.dhow($0, input: $1, directory: $2) }
      let theirs = try story(store, "theirs") { words, input, directory in
        // It has no -L: it follows always.
        try podman.run(words.filter { $0 != "-L" }, input: input, directory: directory)
      }
      let user = try mustRun(["sh", "-c", "echo $(id -u):$(id -g)"], as: store.identity).out
      let other = try podman.must("unshare", "sh", "-c", Self.mapped).lines.joined(separator: ":")
      for (number, copy) in Self.copies.enumerated() {
        let (mine, others) = (ours.of(number), theirs.of(number))
        guard copy.difference != nil else {
          #expect(mine.filter { !others.contains($0) } == [], "\(number) \(copy.name)")
          #expect(others.filter { !mine.contains($0) } == [], "\(number) \(copy.name)")
          continue
        }
        #expect(ours.succeeded[number] == (copy.ours != nil), "\(number) \(copy.name)")
        let side = copy.words.last?.hasPrefix("@") == true ? "container" : "host"
        let line = copy.ours.map { line in
          "\(side): \(number)/" + line.replacing("USER", with: user).replacing("OTHER", with: other)
        }
        #expect(mine.contains(line ?? "succeeded: false"), "\(number) \(copy.name): \(mine)")
      }
    }
  }
}
