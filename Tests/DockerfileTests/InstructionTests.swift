import OCI
import Testing

@testable import Dockerfile

/// The instruction of one line in a stage of its own, its variables put in.
private func one(_ line: String, _ environment: [String] = []) throws -> Instruction {
  let file = try parsed("FROM scratch\n\(line)\n")
  var scope = StageScope(environment: environment, arguments: BuildArguments(), escape: "\\")
  return try scope.expand(file.stages[0].instructions[0]).instruction
}

/// What a line in a stage is refused with, when parsed or when expanded.
private func refused(_ line: String) -> (message: String, hint: String?)? {
  do {
    _ = try one(line)
    return nil
  } catch let error as BuildDiagnostic { return (error.message, error.hint) } catch { return ("\(error)", nil) }
}

@Suite struct InstructionTests {
  @Test func `shell form, exec form, and what only looks like exec form`() throws {
    #expect(try one("CMD echo  \"a b\"") == .cmd(CmdInstruction(command: .shell("echo  \"a b\""))))
    #expect(try one(#"CMD ["a", "b c"]"#) == .cmd(CmdInstruction(command: .exec(["a", "b c"]))))
    #expect(try one("CMD ['a']") == .cmd(CmdInstruction(command: .shell("['a']"))))
    #expect(try one(#"CMD ["a"] b"#) == .cmd(CmdInstruction(command: .shell(#"["a"] b"#))))
    #expect(try one("ENTRYPOINT []") == .entrypoint(EntrypointInstruction(command: .exec([]))))
    #expect(refused("CMD [1]")?.message == "when using JSON array syntax, arrays must be comprised of strings only")
  }

  @Test func `ENV and LABEL have two forms`() throws {
    #expect(
      try one(#"ENV a=b "c d"='e f' g=h\ i j="#)
        == .env(
          EnvInstruction(assignments: [
            KeyValue(key: "a", value: "b"), KeyValue(key: "c d", value: "e f"), KeyValue(key: "g", value: "h i"),
            KeyValue(key: "j", value: ""),
          ])))
    #expect(
      try one("ENV name  John \"Q\" x=y")
        == .env(EnvInstruction(assignments: [KeyValue(key: "name", value: "John Q x=y", usesSpace: true)])))
    #expect(try one("LABEL a.b=$v", ["v=1"]) == .label(LabelInstruction(labels: [KeyValue(key: "a.b", value: "1")])))
    #expect(refused("ENV a")?.message == "ENV must have two arguments")
    #expect(refused("ENV a=b c")?.message == "Syntax error - can't find = in \"c\". Must be of the form: name=value")
    #expect(refused("LABEL =b")?.message == "LABEL names can not be blank")
    #expect(refused("ENV")?.message == "ENV requires at least one argument")
  }

  @Test func `COPY has its flags`() throws {
    let line = "COPY --from=b --chown=$u:1 --chmod=0644 --link --parents --exclude=*.o --exclude=t ./a $d/b /c/"
    #expect(
      try one(line, ["u=me", "d=dir"])
        == .copy(
          CopyInstruction(
            files: FileSources(paths: ["./a", "dir/b"], documents: [], destination: "/c/"), from: "b", owner: "me:1",
            mode: "0644", link: true, parents: true, excludes: ["*.o", "t"])))
    guard case .copy(let copy) = try one(#"COPY --link=false ["a b", "c"]"#) else { return }
    #expect(copy.files.paths == ["a b"])
    #expect(!copy.link)
  }

  @Test func `ADD has its flags`() throws {
    let line = "ADD --keep-git-dir --checksum=sha256:$x --unpack=false --chmod=u+x https://x/y git@h:r.git#v /z"
    #expect(
      try one(line, ["x=ab"])
        == .add(
          AddInstruction(
            files: FileSources(paths: ["https://x/y", "git@h:r.git#v"], documents: [], destination: "/z"), mode: "u+x",
            checksum: "sha256:ab", keepsGitDirectory: true, unpacks: false)))
  }

  @Test func `HEALTHCHECK has its flags`() throws {
    let line = "HEALTHCHECK --interval=5m --timeout=3s --start-period=1s --start-interval=100ms --retries=4 CMD curl x"
    let check = Healthcheck(
      test: ["CMD-SHELL", "curl x"], interval: 300_000_000_000, timeout: 3_000_000_000, startPeriod: 1_000_000_000,
      startInterval: 100_000_000, retries: 4)
    #expect(try one(line) == .healthcheck(HealthcheckInstruction(healthcheck: check)))
    #expect(
      try one(#"HEALTHCHECK CMD ["a","b"]"#)
        == .healthcheck(HealthcheckInstruction(healthcheck: Healthcheck(test: ["CMD", "a", "b"]))))
    #expect(
      try one("HEALTHCHECK none") == .healthcheck(HealthcheckInstruction(healthcheck: Healthcheck(test: ["NONE"]))))
  }

  @Test func `EXPOSE takes ranges, protocols and old mappings`() throws {
    guard case .expose(let expose) = try one("EXPOSE 80 8000-8002/UDP 1.2.3.4:90:91/sctp $p", ["p=7 8/udp"]) else {
      return
    }
    #expect(
      expose.ports.map(\.description).sorted() == [
        "7/tcp", "8/udp", "80/tcp", "8000/udp", "8001/udp", "8002/udp", "91/sctp",
      ])
  }

  @Test func `the rest is what it says`() throws {
    #expect(try one("USER $u:staff", ["u=me"]) == .user(UserInstruction(user: "me:staff")))
    #expect(try one("WORKDIR \"/a b\"") == .workdir(WorkdirInstruction(path: "/a b")))
    #expect(try one("VOLUME /a $v", ["v=/b"]) == .volume(VolumeInstruction(paths: ["/a", "/b"])))
    #expect(try one(#"VOLUME ["/a b"]"#) == .volume(VolumeInstruction(paths: ["/a b"])))
    #expect(try one("STOPSIGNAL $s", ["s=SIGINT"]) == .stopSignal(StopSignalInstruction(signal: "SIGINT")))
    #expect(try one(#"SHELL ["/bin/ash", "-c"]"#) == .shell(ShellInstruction(shell: ["/bin/ash", "-c"])))
    #expect(try one("MAINTAINER A <a@b>") == .maintainer(MaintainerInstruction(author: "A <a@b>")))
    #expect(try one("onbuild run make $x") == .onbuild(OnbuildInstruction(trigger: "run make $x")))
  }

  @Test(arguments: [
    ("/", "/a/b", "/a/b"), ("/a", "b", "/a/b"), ("", "b", "/b"), ("/a/b", "../c/./d//", "/a/c/d"),
    ("/a", "../../..", "/"),
    ("/a", "/", "/"),
  ])
  func `WORKDIR is relative to the one before`(current: String, path: String, result: String) {
    #expect(WorkdirInstruction(path: path).directory(below: current) == result)
  }

  @Test(arguments: [
    ("RUM x", "unknown instruction: RUM", "did you mean RUN?"),
    ("COPPY a b", "unknown instruction: COPPY", "did you mean COPY?"),
    ("WROKDIR /", "unknown instruction: WROKDIR", "did you mean WORKDIR?"),
    ("COPY --form=x a b", "unknown flag: --form", "did you mean --from?"),
    ("COPY --unpack a b", "unknown flag: --unpack", nil), ("USER --x y", "unknown flag: --x", nil),
    ("COPY --link --link a b", "duplicate flag specified: --link", nil),
    ("COPY --from a b", "missing a value on flag: --from", nil),
    ("COPY --link=maybe a b", "expecting boolean value for flag --link, not: maybe", nil),
    (
      "COPY --from=$x a b", "variable expansion is not supported for --from",
      "define a new stage with FROM, which may use ARG of the global scope"
    ),
    (
      "COPY a", "COPY requires at least two arguments, but only one was provided. Destination could not be determined",
      nil
    ),
    ("RUN --mount=type=bnid,target=/x y", "unsupported mount type \"bnid\"", "did you mean bind?"),
    ("RUN --network=hots x", "invalid network mode \"hots\"", "did you mean host?"),
    ("RUN --security=x y", "security \"x\" is not valid", "one of sandbox, insecure"),
    ("SHELL /bin/sh -c", "SHELL requires the arguments to be in JSON form", #"such as SHELL ["/bin/bash", "-c"]"#),
    ("STOPSIGNAL SIGFOO", "invalid signal: SIGFOO", nil),
    ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed", nil),
    ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger", nil),
    ("ONBUILD CPOY a b", "unknown instruction: CPOY", "did you mean COPY?"),
    ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD", nil),
    ("HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments", nil),
    ("HEALTHCHECK CDM x", "Unknown type \"CDM\" in HEALTHCHECK (try CMD)", "did you mean CMD?"),
    ("HEALTHCHECK --interval=1us CMD x", "Interval \"interval\" cannot be less than 1ms", nil),
    ("HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)", nil),
    ("EXPOSE 70000", "invalid port: \"70000\": invalid containerPort: 70000", nil),
    ("EXPOSE 80/icmp", "invalid port: \"80/icmp\": invalid proto: icmp", nil),
    ("EXPOSE 9-8", "invalid port: \"9-8\": invalid containerPort: 9-8", nil),
    ("VOLUME [\"\"]", "VOLUME specified can not be an empty string", nil),
    ("USER", "USER requires exactly one argument", nil),
    ("ARG", "ARG requires at least one argument", nil), ("ARG =x", "ARG names can not be blank", nil),
  ])
  func `mistakes are errors with a way out`(line: String, message: String, hint: String?) {
    let error = refused(line)
    #expect(error?.message == message)
    #expect(error?.hint == hint)
  }

  @Test(arguments: [
    ("FROM", "FROM requires either one or three arguments"),
    ("FROM a b", "FROM requires either one or three arguments"),
    ("FROM a AS 1x", "invalid name for build stage: \"1x\", name can't start with a number or contain symbols"),
    ("FROM --platfrom=x a", "unknown flag: --platfrom"),
  ])
  func `FROM is checked`(line: String, message: String) { #expect(refusal(line + "\n")?.message == message) }
}

@Suite struct RunMountTests {
  private func mounts(_ text: String, _ environment: [String] = []) throws -> [RunMount] {
    guard case .run(let run) = try one("RUN --mount=\(text) x", environment) else { return [] }
    return run.mounts
  }

  @Test func `every type has its fields`() throws {
    #expect(try mounts("target=/x") == [.bind(BindMount(target: "/x"))])
    #expect(
      try mounts("type=bind,from=b,source=s,dst=$d,rw", ["d=/y"])
        == [.bind(BindMount(target: "/y", from: "b", source: "s", writable: true))])
    #expect(
      try mounts("type=cache,target=/c,id=$i,sharing=LOCKED,ro,mode=0700,uid=1,gid=2,from=b,src=/s", ["i=n"])
        == [
          .cache(
            CacheMount(
              target: "/c", id: "n", sharing: .locked, from: "b", source: "/s", writable: false, mode: 0o700, uid: 1,
              gid: 2))
        ])
    #expect(try mounts("type=cache,target=/c") == [.cache(CacheMount(target: "/c", id: "/c"))])
    #expect(try mounts("type=tmpfs,target=/t,size=1m") == [.tmpfs(TmpfsMount(target: "/t", size: 1 << 20))])
    #expect(
      try mounts("type=secret,id=aws/key,required")
        == [.secret(SecretMount(id: "aws/key", target: "/run/secrets/key", required: true))])
    #expect(try mounts("type=secret,target=/a/b") == [.secret(SecretMount(id: "b", target: "/a/b"))])
    #expect(try mounts("type=secret,id=t,env=TOKEN") == [.secret(SecretMount(id: "t", environment: "TOKEN"))])
    #expect(
      try mounts("type=secret,id=t,env=T,target=/f")
        == [.secret(SecretMount(id: "t", target: "/f", environment: "T"))])
    #expect(try mounts("type=ssh,id=k,mode=0666") == [.ssh(SSHMount(id: "k", mode: 0o666))])
  }

  @Test(arguments: [
    ("type=bind", "a mount of type 'bind' needs a target"), ("target=/x,frm=y", "unexpected key 'frm' in 'frm=y'"),
    ("target=/x,size=1", "unexpected key 'size' for mount type 'bind'"),
    ("type=tmpfs,target=/x,mode=1", "unexpected key 'mode' for mount type 'tmpfs'"),
    ("type=secret", "invalid secret mount. one of source, target required"),
    ("type=secret,id=a,source=b", "both source and id can't be set"),
    ("type=cache,target=/x,sharing=own", "unsupported sharing value \"own\""),
    ("type=cache,target=/x,mode=9", "invalid value for mode: 9"),
    ("type=cache,target=/x,uid=-1", "invalid value for uid: -1"),
    ("target=/x,target=/y", "the key 'target' is given twice in one --mount"),
    ("target=/x,ro,rw", "a mount is either readonly or readwrite"),
    ("target=/x,from=$y", "'from' doesn't support variable expansion, define alias stage instead"),
    ("target=/x,ro=perhaps", "invalid value for readonly: perhaps"),
    ("target=/x,y", "invalid field 'y' must be a key=value pair"),
  ])
  func `wrong fields are refused`(text: String, message: String) {
    #expect(refused("RUN --mount=\(text) x")?.message == message)
  }

  @Test func `what a mount reads from is known before any variable`() throws {
    let file = try parsed("FROM a\nRUN --mount=from=b,target=$x --mount=type=cache,from=c,target=/y z\n")
    #expect(file.stages[0].instructions[0].instruction.origins == ["b", "c"])
  }

  @Test func `devices may have equals signs in their names`() throws {
    guard case .run(let run) = try one("RUN --device=vendor.com/d=a,required --device=name=x x") else { return }
    #expect(run.devices == [RunDevice(name: "vendor.com/d=a", required: true), RunDevice(name: "x", required: false)])
  }
}
