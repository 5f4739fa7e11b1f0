import Basics
import ContainerEngine
import Glibc
import Storage
import Testing

@testable import Commands

/// The request that a command line of `run` makes.
private func request(_ words: [String]) throws -> ContainerRequest {
  var options = ContainerOptions()
  let parsed = try ArgumentParser.parse(
    words[...], flags: ContainerFlags.forRun, refused: { ContainerFlags.refused }, interspersed: false, into: &options)
  return try options.request(operands: parsed.operands)
}

private func request(_ line: String) throws -> ContainerRequest {
  try request(line.split(separator: " ").map(String.init))
}

private func settings(_ line: String) throws -> ContainerSettings { try request(line + " img").settings }

/// What a command line is refused with.
private func refusal(_ line: String) -> String {
  do {
    _ = try request(line.split(separator: " ").map(String.init) + ["img"])
    return "accepted"
  } catch let error as ArgumentError {
    return error.message
  } catch let error as EngineError {
    return (error.doing.isEmpty ? "" : error.doing + ": ") + error.reason
  } catch {
    return "\(error)"
  }
}

@Suite struct RunFlagsTests {
  @Test func `no flags ask for nothing`() throws {
    let request = try request("img")
    #expect(request.image == "img")
    #expect(request.settings.command == nil)
    #expect(request.settings.entrypoint == nil)
    #expect(request.settings.mounts.isEmpty)
    #expect(request.settings.resources.isEmpty)
    #expect(request.settings.network == "bridge")
    #expect(request.settings.networks == [NetworkAttachment("bridge")])
    #expect(!request.settings.autoRemove)
  }

  @Test func `everything after the image is the program's`() throws {
    let request = try request("-it --rm --name web -w /srv img sh -c -- --rm")
    #expect(request.image == "img")
    #expect(request.name == "web")
    #expect(request.settings.command == ["sh", "-c", "--", "--rm"])
    #expect(request.settings.terminal && request.settings.openStdin && request.settings.autoRemove)
    #expect(request.settings.workingDirectory == "/srv")
  }

  @Test func `the entry point may be emptied, named, or given as words`() throws {
    #expect(try settings("--entrypoint=").entrypoint == [])
    #expect(try settings("--entrypoint /bin/sh").entrypoint == ["/bin/sh"])
    #expect(try request(["--entrypoint", "[\"a\",\"b c\"]", "img"]).settings.entrypoint == ["a", "b c"])
    #expect(try settings("--entrypoint [").entrypoint == ["["])
  }

  @Test func `variables come from flags, files and the caller, files first`() throws {
    let path = try temporaryFile("# comment\n\nA=file\n  B=spaced value \nDHOW_TEST_UNSET\nDHOW_TEST_SET\nC=x=y#z\r\n")
    defer { unlink(path) }
    setenv("DHOW_TEST_SET", "from caller", 1)
    let request = try request([
      "-e", "A=flag", "-e", "DHOW_TEST_SET", "-e", "DHOW_TEST_UNSET", "--env-file", path, "img",
    ])
    #expect(
      request.settings.environment == [
        "A=file", "B=spaced value ", "DHOW_TEST_SET=from caller", "C=x=y#z", "A=flag", "DHOW_TEST_SET=from caller",
      ])
  }

  @Test func `a bad line of a file is named`() throws {
    let path = try temporaryFile("A=1\nBAD NAME=2\n")
    defer { unlink(path) }
    #expect(refusal("--env-file \(path)") == "invalid env file (\(path)): variable 'BAD NAME' contains whitespaces")
    #expect(
      refusal("--env-file /nonexistent")
        == "reading the env file /nonexistent: open /nonexistent: no such file or directory")
    let binary = try temporaryFile("A=1\nB=\u{0}\n")
    defer { unlink(binary) }
    #expect(refusal("--env-file \(binary)") == "invalid env file (\(binary)): variable 'B' has a NUL byte")
  }

  @Test func `labels come from files and flags`() throws {
    let path = try temporaryFile("a=1\nb\n")
    defer { unlink(path) }
    let labels = try request(["-l", "c=3=4", "-l", "d", "--label-file", path, "img"]).settings.labels
    #expect(labels.map { "\($0.0)=\($0.1)" } == ["a=1", "b=", "c=3=4", "d="])
  }

  @Test func `limits are read in docker's units`() throws {
    let resources = try settings(
      "-m 64m --memory-swap -1 --memory-reservation 32m --cpus 1.5 -c 512 --cpuset-cpus 0-2,5 --cpuset-mems 0 "
        + "--pids-limit 20 --blkio-weight 300"
    ).resources
    #expect(resources.memory == 64 << 20)
    #expect(resources.memorySwap == -1)
    #expect(resources.memoryReservation == 32 << 20)
    #expect(resources.nanoCPUs == 1_500_000_000)
    #expect(resources.cpuShares == 512)
    #expect(resources.cpusetCPUs == "0-2,5")
    #expect(resources.cpusetMems == "0")
    #expect(resources.pidsLimit == 20)
    #expect(resources.blkioWeight == 300)
    #expect(try settings("-m 0 --cpus 0 --pids-limit 0 --cpu-shares 0").resources.isEmpty)
    #expect(try settings("--cpus .5").resources.nanoCPUs == 500_000_000)
    #expect(try settings("--shm-size 1g").shmSize == 1 << 30)
    #expect(try settings("--pids-limit -1").resources.pidsLimit == -1)
  }

  @Test(arguments: [
    ("nofile=1024", "nofile", 1024, 1024), ("nofile=1024:4096", "nofile", 1024, 4096), ("core=-1", "core", -1, -1),
    ("core=0:-1", "core", 0, -1), ("nproc=10:10", "nproc", 10, 10),
  ])
  func `a ulimit is soft and hard`(_ text: String, _ name: String, _ soft: Int64, _ hard: Int64) throws {
    #expect(try settings("--ulimit \(text)").ulimits == [Ulimit(name: name, soft: soft, hard: hard)])
  }

  @Test(arguments: [
    ("/dev/fuse", "/dev/fuse", "/dev/fuse", "rwm"), ("/dev/sda:r", "/dev/sda", "/dev/sda", "r"),
    ("/dev/sda:/dev/xvda", "/dev/sda", "/dev/xvda", "rwm"), ("/dev/sda:/dev/x:mr", "/dev/sda", "/dev/x", "mr"),
  ])
  func `a device is host, container and permissions`(
    _ text: String, _ host: String, _ container: String, _ permissions: String
  ) throws {
    #expect(
      try settings("--device \(text)").devices
        == [DeviceRequest(host: host, container: container, permissions: permissions)])
  }

  @Test func `walls move as asked`() throws {
    let moved = try settings(
      "--cap-add net_admin --cap-add CAP_SYS_TIME --cap-drop all --pid host --ipc shareable --uts host --userns keep-id:uid=5,gid=6 "
        + "--network container:web --cgroupns host --cgroups split --group-add keep-groups --privileged --read-only --init"
    )
    #expect(moved.capabilitiesAdded == ["NET_ADMIN", "SYS_TIME"])
    #expect(moved.capabilitiesDropped == ["ALL"])
    #expect(moved.pidNamespace == "host")
    #expect(moved.ipcNamespace == "shareable")
    #expect(moved.utsNamespace == "host")
    #expect(moved.userNamespace == "keep-id:uid=5,gid=6")
    #expect(moved.network == "container:web")
    #expect(moved.cgroupNamespace == "host")
    #expect(moved.cgroups == "split")
    #expect(moved.groupsAdded == ["keep-groups"])
    #expect(moved.privileged && moved.readOnly && moved.usesInit)
    #expect(try settings("--network private --pid private --uts private").pidNamespace == "")
  }

  @Test(arguments: [
    ("no-new-privileges", "no-new-privileges"), ("no-new-privileges:true", "no-new-privileges"),
    ("no-new-privileges=false", "no-new-privileges=false"), ("seccomp=unconfined", "seccomp=unconfined"),
    ("seccomp:unconfined", "seccomp=unconfined"), ("systempaths=unconfined", "systempaths=unconfined"),
    ("mask=/a:/b", "mask=/a:/b"), ("unmask=ALL", "unmask=ALL"), ("apparmor=unconfined", "apparmor=unconfined"),
    ("label=disable", "label=disable"), ("label=type:x", "label=type:x"),
  ])
  func `a security option is kept in one form`(_ text: String, _ kept: String) throws {
    #expect(try settings("--security-opt \(text)").securityOptions == [kept])
  }

  @Test func `a seccomp profile is looked at and kept by its absolute path`() throws {
    let path = try temporaryFile("{\"defaultAction\": \"SCMP_ACT_ALLOW\"}")
    defer { unlink(path) }
    #expect(try settings("--security-opt seccomp=\(path)").securityOptions == ["seccomp=\(path)"])
    let broken = try temporaryFile("{")
    defer { unlink(broken) }
    #expect(refusal("--security-opt seccomp=\(broken)").hasPrefix("reading seccomp profile (\(broken)): "))
    #expect(
      refusal("--security-opt seccomp=/none")
        == "opening seccomp profile (/none): open /none: no such file or directory")
  }

  @Test func `hosts, names and logs are kept as asked`() throws {
    let kept = try settings(
      "--add-host db:10.0.0.1 --add-host six=[::1] --add-host me:host-gateway --dns 1.1.1.1 --dns ::1 --dns-search example.com "
        + "--dns-opt ndots:2 -h box.example --domainname example --sysctl net.ipv4.ip_forward=1 --log-opt max-size=10m "
        + "--stop-signal SIGINT --stop-timeout 3 --umask 027 --tz UTC --annotation a.b=c=d --oom-score-adj -5")
    #expect(kept.extraHosts == ["db:10.0.0.1", "six:::1", "me:host-gateway"])
    #expect(kept.dnsServers == ["1.1.1.1", "::1"])
    #expect(kept.dnsSearch == ["example.com"])
    #expect(kept.dnsOptions == ["ndots:2"])
    #expect(kept.hostname == "box.example")
    #expect(kept.sysctls.map { "\($0.0)=\($0.1)" } == ["net.ipv4.ip_forward=1"])
    #expect(kept.logOptions.map { "\($0.0)=\($0.1)" } == ["max-size=10m"])
    #expect(kept.stopSignal == "SIGINT")
    #expect(kept.stopTimeout == 3)
    #expect(kept.umask == 0o27)
    #expect(kept.annotations.map { "\($0.0)=\($0.1)" } == ["a.b=c=d"])
    #expect(kept.oomScoreAdjustment == -5)
  }

  @Test func `a root directory stands in for the image`() throws {
    let plain = try request("--rootfs /srv/root sh")
    #expect(plain.image == "")
    #expect(plain.settings.rootDirectory == RootDirectory(path: "/srv/root", overlay: false))
    #expect(plain.settings.command == ["sh"])
    #expect(try request("--rootfs /srv/../x/:O").settings.rootDirectory == RootDirectory(path: "/x", overlay: true))
  }

  @Test(arguments: [
    "img", "img:1", "reg.example:5000/a/b:v1", "sha256:abc",
    "docker.io/library/x@sha256:" + String(repeating: "a", count: 64),
  ])
  func `an image is named by reference or id`(_ name: String) throws { #expect(try request(name).image == name) }

  @Test func `the streams attached follow docker`() throws {
    func attach(_ line: String) throws -> AttachRequest {
      var options = ContainerOptions()
      let words = line.split(separator: " ").map(String.init)
      _ = try ArgumentParser.parse(
        words[...], flags: ContainerFlags.forRun, refused: { ContainerFlags.refused }, interspersed: false,
        into: &options)
      return options.attach.request(openStdin: options.settings.openStdin)
    }
    #expect(try !attach("img").stdin)
    #expect(try attach("-i img").stdin)
    let onlyOut = try attach("-i -a STDOUT img")
    #expect(!onlyOut.stdin && onlyOut.stdout && !onlyOut.stderr)
    #expect(try attach("-a stdin img").stdin)
    #expect(try !attach("--sig-proxy=false img").proxiesSignals)
    #expect(try attach("--detach-keys ctrl-x,a img").detachKeys == "ctrl-x,a")
  }

  /// Every refusal in one file, so that a reader sees all wording in one place.
  @Test func `wrong values are refused before anything is touched`() throws {
    let lines = [
      "--ulimit foo", "--ulimit foo=1", "--ulimit nofile=1:2:3", "--ulimit nofile=5:3", "--ulimit nofile=-1:3",
      "--ulimit nofile=a", "--device dev", "--device /dev/x:/y:q", "--device vendor.com/class=name", "--cpus abc",
      "--cpus 1.0000000001", "--cpuset-cpus 3-1", "--cpuset-cpus a", "-m 1m", "-m 10m --memory-swap 8m",
      "--memory-swap 8m", "-m 10m --memory-reservation 20m", "--cpus 1 --cpu-period 1000", "--cpu-period 5",
      "--cpu-quota 5", "--blkio-weight 5", "--oom-score-adj 2000", "--memory-swappiness 101", "--stop-signal FOO",
      "--stop-timeout -2", "--shm-size 0", "--pid foo", "--uts foo", "--ipc foo", "--userns foo", "--userns auto",
      "--userns keep-id:uid=-1", "--cgroupns foo", "--cgroups foo", "--network=", "--network foo,bar",
      "--network container:", "--network none --network host", "--add-host foo", "--add-host a:1.2", "--dns foo",
      "--dns-search a..b", "--hostname a\u{1b}b", "--sysctl foo", "--sysctl kernel.hostname=x", "--sysctl net..x=1",
      "--network host --sysctl net.a=1", "--ipc host --sysctl kernel.sem=1", "--security-opt foo",
      "--security-opt mask=x", "--cap-add FOO", "--cap-add NET_ADMN", "-e =x", "-l =x", "--annotation =x", "--name a/b",
      "--name a", "--name .hidden", "-w rel", "--umask 9", "--platform a/b/c/d", "--pull foo", "--log-driver syslog",
      "--log-driver journald", "--log-opt foo=1", "--log-opt max-size=x", "--restart foo", "--restart always:1",
      "--rm --restart always", "--no-healthcheck --health-cmd x", "--health-interval 1us",
      "-d -a stdin", "-a foo", "--detach-keys foo", "--detach-keys ctrl-1",
      "--network container:a -h x", "--network container:a --dns 1.1.1.1", "--network container:a --add-host a:1.1.1.1",
      "--uts host -h x", "--isolation hyperv", "--volume-driver nfs", "-p 80:x", "-p 1-2:3-5", "-p x:80:80",
      "-p 70000:80", "-p 80/foo", "-p 0", "--expose 80:80", "--link a:b:c", "--ip 1.1", "--ip6 1.1.1.1",
      "--mac-address x", "--network-alias a", "--network none --network a", "--network container:a -p 80",
      "--network host --link a:b", "--network name=a,foo=b", "--network ns:x",
      "--health-on-failure x", "--health-retries -1", "--gpus all", "--oom-kill-disable",
      "--storage-opt size=1g", "--cpu-count 1",
      "--cpu-rt-period 1", "--device-cgroup-rule x", "--secret a", "--sdnotify foo", "--preserve-fds -1",
      "--preserve-fd 2", "--systemd always", "--ip 1.1.1.1",
    ]
    try Golden.expect(lines.map { "run \(safeText($0))\n  \(refusal($0))\n" }.joined(), is: "run-refusals.txt")
  }

  @Test(arguments: [
    "--oom-kill-disable=false", "--disable-content-trust", "--disable-content-trust=false", "--no-healthcheck", "-q",
    "--restart no", "--restart=", "--isolation default", "--volume-driver local", "--memory-swappiness -1",
    "--runtime crun", "--pull never", "--log-driver local", "--network none", "--net host", "--cap-drop MKNOD",
  ])
  func `what changes nothing here is accepted`(_ line: String) { #expect(refusal(line) == "accepted") }
}

@Suite struct MountSyntaxTests {
  /// A mount as one line: kind, source, target and what differs from the default.
  private func shown(_ mount: MountRequest) -> String {
    var text = "\(mount.kind.rawValue) \(mount.source) \(mount.target)"
    if mount.readOnly { text += " ro" }
    if let propagation = mount.propagation { text += " " + propagation }
    if mount.recursive != .enabled { text += " recursive=\(mount.recursive.rawValue)" }
    if mount.kind == .volume, !mount.copiesUp { text += " nocopy" }
    if !mount.subpath.isEmpty { text += " sub=\(mount.subpath)" }
    if mount.chownsSource { text += " U" }
    if mount.isOverlay { text += " O" }
    if mount.createsSource { text += " creates" }
    return text + (mount.options + mount.volumeLabels + mount.volumeOptions).map { " " + $0 }.joined()
  }

  private var here: String { LocalFile.cleaned(String(cString: getcwd(nil, 0))) }

  @Test(arguments: [
    ("/a:/b", "bind /a /b creates"), ("/a:/b:ro", "bind /a /b ro creates"), ("/a:/b:rw,z", "bind /a /b creates"),
    ("/a:/b:ro,rshared", "bind /a /b ro rshared creates"), ("/a/../c//d/:/b/./c/", "bind /c/d /b/c creates"),
    ("/a:/b:Z,nocopy,cached", "bind /a /b creates"), ("/a:/b:bind", "bind /a /b recursive=disabled creates"),
    ("/a:/b:noexec,nosuid", "bind /a /b creates noexec nosuid"), ("/a b:/c", "bind /a b /c creates"),
  ])
  func `a bind volume is read`(_ text: String, _ mount: String) throws {
    #expect(try shown(MountSyntax.volume(text)) == mount)
  }

  @Test(arguments: [
    ("/x", "volume  /x"), ("name:/x", "volume name /x creates"),
    ("name:/x:ro,nocopy", "volume name /x ro nocopy creates"),
    ("name:/x:U", "volume name /x U creates"), ("/a:/b:O", "bind /a /b O creates"),
  ])
  func `a volume is read`(_ text: String, _ mount: String) throws {
    #expect(try shown(MountSyntax.volume(text)) == mount)
  }

  @Test(arguments: [
    ("dst=/a", "volume  /a"), ("type=volume,src=data,dst=/a,ro", "volume data /a ro"),
    ("type=volume,src=data,dst=/a,volume-nocopy=false", "volume data /a"),
    ("type=volume,src=data,dst=/a,volume-nocopy,volume-subpath=x/./y", "volume data /a nocopy sub=x/y"),
    ("type=volume,src=data,dst=/a,volume-label=a=b,volume-opt=type=tmpfs", "volume data /a a=b type=tmpfs"),
  ])
  func `a long volume is read`(_ text: String, _ mount: String) throws {
    #expect(try shown(MountSyntax.mount(text)) == mount)
  }

  @Test func `a relative source begins here`() throws {
    #expect(try MountSyntax.volume("./x:/b").source == here + "/x")
    #expect(try MountSyntax.volume(".:/b").source == here)
    #expect(try MountSyntax.mount("type=bind,src=./x,dst=/b").source == here + "/x")
  }

  @Test(arguments: [
    ("/a", "tmpfs  /a"), ("/a:size=64m,mode=1777", "tmpfs  /a size=64m mode=1777"), ("/a:ro", "tmpfs  /a ro ro"),
    ("/a:uid=5,gid=6,noexec", "tmpfs  /a uid=5 gid=6 noexec"), ("/a:size=50%", "tmpfs  /a size=50%"),
  ])
  func `a tmpfs is read`(_ text: String, _ mount: String) throws {
    #expect(try shown(MountSyntax.tmpfs(text)) == mount)
  }

  @Test(arguments: [
    ("type=bind,source=/a,target=/b", "bind /a /b"), ("type=bind,src=/a,dst=/b,readonly", "bind /a /b ro"),
    ("type=bind,src=/a,destination=/b,ro=true", "bind /a /b ro"), ("type=bind,src=/a,dst=/b,readonly=0", "bind /a /b"),
    ("TYPE=bind,Src=/a,dst=/b", "bind /a /b"),
    ("type=bind,src=/a,dst=/b,bind-propagation=rslave", "bind /a /b rslave"),
    ("type=bind,src=/a,dst=/b,bind-nonrecursive", "bind /a /b recursive=disabled"),
    ("type=bind,src=/a,dst=/b,ro,bind-recursive=writable", "bind /a /b ro recursive=writable"),
    (
      "type=bind,src=/a,dst=/b,ro,bind-propagation=rprivate,bind-recursive=readonly",
      "bind /a /b ro rprivate recursive=readonly"
    ),
    ("type=bind,\"src=/a,b\",dst=/c", "bind /a,b /c"), ("type=bind,\"src=/a\"\"b\",dst=/c", "bind /a\"b /c"),
    ("type=tmpfs,dst=/a,tmpfs-size=1m,tmpfs-mode=755", "tmpfs  /a size=1048576 mode=755"),
    ("type=bind,src=/a,dst=/b,consistency=cached", "bind /a /b"),
  ])
  func `a long mount is read`(_ text: String, _ mount: String) throws {
    #expect(try shown(MountSyntax.mount(text)) == mount)
  }

  @Test func `wrong mounts are refused with the field`() throws {
    let volumes = [
      "", ":", "a:b:c:d", "/a:", ":/b", "/a:b", "/a:/", "/a:/b:foo", "/a:ro", "/a:/b:ro,foo", "bad name:/x",
      "/a:/b:U,O", "/a:/b:idmap", "name:/b:rshared", "/a:/b/..",
    ]
    let mounts = [
      "foo", "type=foo,dst=/a", "type=bind,dst=/a", "type=bind,src=a,dst=/b", "type=bind,src=/a", "src=/a,foo=1,dst=/b",
      "type=bind,src=/a,dst=b", "type=tmpfs,src=/a,dst=/b", "type=bind,src=/a,dst=/b,tmpfs-size=1",
      "type=tmpfs,dst=/a,bind-propagation=shared", "type=bind,src=/a,dst=/b,bind-propagation=foo",
      "type=bind,src=/a,dst=/b,readonly=maybe", "type=bind,src=/a,dst=/b,bind-recursive=foo",
      "type=bind,src=/a,dst=/b,bind-recursive=readonly", "type=bind,src=/a,dst=/b,bind-recursive=writable",
      "type=tmpfs,dst=/a,tmpfs-size=x", "type=tmpfs,dst=/a,tmpfs-mode=9", "type=image,dst=/a",
      "type=volume,dst=/a,volume-subpath=../b", "type=volume,dst=/a,volume-subpath=/b",
      "type=volume,dst=/a,volume-driver=nfs",
      "type=bind,src=/a,dst=/b,volume-nocopy",
      "type=cluster,dst=/a", "type=bind,\"src=/a", "type=bind,src=\"/a\",dst=/b", "type=,dst=/a",
    ]
    let tmpfses = ["", "a", "/a:foo", "/a:size=x", "/a:mode=9", "/a:uid=-1", "/", "/a:size=200%x"]
    func lines(_ flag: String, _ values: [String], _ parse: (String) throws -> MountRequest) -> String {
      values.map { value in
        do {
          return "\(flag) \(value)\n  accepted \(shown(try parse(value)))\n"
        } catch let error as FlagValueError {
          return "\(flag) \(value)\n  \(error.reason)\n"
        } catch let error as EngineError {
          return "\(flag) \(value)\n  \(error.doing): \(error.reason)\n"
        } catch {
          return "\(flag) \(value)\n  \(error)\n"
        }
      }.joined()
    }
    try Golden.expect(
      lines("-v", volumes, MountSyntax.volume) + lines("--mount", mounts, MountSyntax.mount)
        + lines("--tmpfs", tmpfses, MountSyntax.tmpfs), is: "mount-refusals.txt")
  }
}

/// A file with `content` below the temporary directory; the caller removes it.
private func temporaryFile(_ content: String) throws -> String {
  var path = Array("/tmp/dhow-test-XXXXXX".utf8CString)
  let descriptor = mkstemp(&path)
  guard descriptor >= 0 else { throw EngineError(.unavailable, "making a file", "failed") }
  defer { close(descriptor) }
  let bytes = Array(content.utf8)
  guard write(descriptor, bytes, bytes.count) == bytes.count else {
    throw EngineError(.unavailable, "writing a file", "failed")
  }
  return String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// `-p` and `--network` in docker's forms.
struct NetworkFlagTests {
  @Test(arguments: [
    ("80", "|0|80/tcp"), ("8080:80", "|8080|80/tcp"), ("8080:80/udp", "|8080|80/udp"), ("8080:80/TCP", "|8080|80/tcp"),
    ("127.0.0.1:8080:80", "127.0.0.1|8080|80/tcp"), ("127.0.0.1::80", "127.0.0.1|0|80/tcp"),
    ("[::1]:8080:80", "::1|8080|80/tcp"), ("::1:8080:80", "::1|8080|80/tcp"), ("[::1]::80", "::1|0|80/tcp"),
    (":80", "|0|80/tcp"), ("0:80", "|0|80/tcp"), ("8000-8001:80-81", "|8000|80/tcp |8001|81/tcp"),
    ("80-81", "|0|80/tcp |0|81/tcp"), ("8000-8010:80", "|8000-8010|80/tcp"),
    ("target=80,published=8080,protocol=udp", "|8080|80/udp"), ("target=80", "|0|80/tcp"),
  ])
  func `a published port is read as docker reads it`(_ text: String, _ expected: String) throws {
    let ports = try settings("-p \(text)").ports.map { port in
      let range = port.lastHostPort > port.hostPort ? "\(port.hostPort)-\(port.lastHostPort)" : "\(port.hostPort)"
      return "\(port.hostAddress)|\(range)|\(port.containerPort)/\(port.transport)"
    }
    #expect(ports.joined(separator: " ") == expected)
  }

  @Test func `networks are collected, with what concerns the first and what concerns all`() throws {
    let made = try settings("--network a --net name=b,ip=10.0.0.3,alias=x --network-alias y --ip 10.1.0.3")
    #expect(made.network == "a")
    #expect(made.networks.map(\.network) == ["a", "b"])
    #expect(made.networks.map(\.ip) == ["10.1.0.3", "10.0.0.3"])
    #expect(made.networks.map(\.aliases) == [["y"], ["x", "y"]])
    #expect(try settings("--network none").networks.isEmpty)
    #expect(try settings("--network c:ip=10.0.0.4,alias=z").networks.first?.ip == "10.0.0.4")
    #expect(try settings("--expose 80-81 --expose 53/udp").exposedPorts == ["80/tcp", "81/tcp", "53/udp"])
  }
}
