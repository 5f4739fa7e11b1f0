import TestSupport
import Testing

/// What containers do and take: `top`, `stats`, `update`, `system df`, `system prune`.
@Suite(.serialized, .runsContainers)
struct UsageTests {
  private func withBusybox(_ body: (Store) throws -> Void) throws {
    try withStore { store in
      try store.loadBusybox()
      try body(store)
    }
  }

  @Test func `top shows the container's processes with the host's pids, and runs nothing of the container`() throws {
    try withBusybox { store in
      let script = "printf '#!/bin/sh\\ntouch /ran' > /bin/ps; sleep 998 & sleep 999"
      try store.must("run", "-d", "--name", "cc", "busybox", "sh", "-c", script)
      #expect(eventually { (try? store.dhow("top", "cc").lines.count) == 3 })
      let lines = try store.must("top", "cc").lines
      let titles = lines[0].split(separator: " ").map(String.init)
      #expect(titles == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"])
      #expect(lines.contains { $0.hasSuffix("sleep 998") } && lines.contains { $0.hasSuffix("sleep 999") })
      let pid = try store.must("inspect", "-f", "{{.State.Pid}}", "cc").out
      #expect(lines.contains { $0.split(separator: " ").dropFirst().first.map(String.init) == pid }, "\(lines)")
      let chosen = try store.must("top", "cc", "-o", "pid,args").lines
      #expect(chosen.count == 3 && chosen.contains { $0.hasSuffix("sleep 998") }, "\(chosen)")
      #expect(try store.dhow("top", "cc", "-o", "args").err.contains("Couldn't find PID field"))
      #expect(try store.dhow("exec", "cc", "ls", "/ran").status != 0)
      try store.must("stop", "-t", "0", "cc")
      #expect(try store.dhow("top", "cc").err.contains("is not running"))
    }
  }

  @Test func `stats tells what a busy container uses, and -- for one that does not run`() throws {
    try withBusybox { store in
      try store.must("run", "-d", "--name", "busy", "busybox", "sh", "-c", "while :; do :; done")
      try store.must("create", "--name", "idle", "busybox", "true")
      let format = "{{.Name}}|{{.CPUPerc}}|{{.MemUsage}}|{{.PIDs}}|{{.NetIO}}"
      let rows = try store.must("stats", "--no-stream", "--format", format).lines.map {
        $0.split(separator: "|").map(String.init)
      }
      #expect(rows.count == 1 && rows[0][0] == "busy" && rows[0].count == 5, "\(rows)")
      let cpu = Double(rows[0][1].dropLast()) ?? 0
      #expect(cpu > 1 && cpu < 1000, "\(rows)")
      #expect(rows[0][2].contains("iB / ") && (Int(rows[0][3]) ?? 0) >= 1 && rows[0][4] == "0B / 0B", "\(rows)")
      let all = try store.must("stats", "--no-stream", "-a", "--format", format).lines.sorted()
      #expect(all.count == 2 && all[1] == "idle|--|-- / --|--|-- / --", "\(all)")
      #expect(try store.dhow("stats", "--no-stream", "nobody").err.contains("No such container"))
      let table = try store.must("stats", "--no-stream", "busy").lines
      #expect(table.count == 2 && table[0].hasPrefix("CONTAINER ID   NAME"), "\(table)")
    }
  }

  @Test func `update changes what the next start gets, and a running one where there is a controller`() throws {
    try withBusybox { store in
      try store.must("create", "--name", "cc", "busybox", "sleep", "1000")
      #expect(try store.must("update", "-m", "64m", "--pids-limit", "50", "cc").out == "cc")
      let format = "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}"
      #expect(try store.must("inspect", "-f", format, "cc").out == "67108864 50")
      #expect(try store.dhow("update", "cc").status != 0)
      #expect(try store.must("update", "--restart", "on-failure:3", "cc").out == "cc")
      let policy = "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}"
      #expect(try store.must("inspect", "-f", policy, "cc").out == "on-failure 3")
      try store.must("update", "--restart", "no", "cc")
      #expect(try store.dhow("update", "-m", "1g", "--memory-swap", "1m", "cc").status != 0)
      #expect(try store.must("inspect", "-f", format, "cc").out == "67108864 50")
      try store.must("start", "cc")
      let outcome = try store.dhow("update", "--pids-limit", "60", "cc")
      if outcome.succeeded {
        #expect(try store.must("inspect", "-f", format, "cc").out == "67108864 60")
      } else {
        #expect(outcome.err.contains("cgroup"), "\(outcome)")
        #expect(try store.must("inspect", "-f", format, "cc").out == "67108864 50")
      }
    }
  }

  @Test func `the figures of system df are those of du`() throws {
    try withBusybox { store in
      try store.must("tag", "busybox", "other")
      try store.must("run", "--name", "cc", "busybox", "sh", "-c", "dd if=/dev/zero of=/big bs=1M count=3 2>/dev/null")
      try store.must("commit", "cc", "made")
      func du(_ names: [String]) throws -> Int64 {
        let paths = names.map { store.root + "/" + $0 }
        let lines = try mustRun(["du", "-s", "-B1"] + paths).lines
        return lines.reduce(0) { $0 + (Int64($1.split(separator: "\t")[0]) ?? 0) }
      }
      let lines = try store.must("system", "df", "--format", "{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}").lines
      let images = ByteText.decimal(try du(["blobs", "layers"]))
      #expect(lines[0] == "Images|2|1|\(images)", "\(lines)")
      let id = try store.must("inspect", "-f", "{{.Id}}", "cc").out
      #expect(lines[1] == "Containers|1|0|\(ByteText.decimal(try du(["containers/\(id)"])))", "\(lines)")
      let details = try store.must("system", "df", "-v").lines
      #expect(details.contains { $0.hasPrefix("other ") } && details.contains { $0.contains(" cc") }, "\(details)")
    }
  }

  @Test func `a dry run shows what a prune then removes`() throws {
    try withBusybox { store in
      try store.must("run", "--name", "cc", "busybox", "true")
      try store.must("commit", "cc")
      let before = try store.paths()
      let dry = try store.must("system", "prune", "--dry-run")
      #expect(dry.out.hasPrefix("Would delete Containers:") && dry.out.contains("Would delete Images:"), "\(dry)")
      #expect(try store.must("container", "prune", "--dry-run").out.contains("Would delete Containers:"))
      #expect(try store.must("image", "prune", "--dry-run").out.contains("Would delete Images:"))
      #expect(try store.paths() == before)
      #expect(try store.dhow("system", "prune").err.contains("--force"))
      let real = try store.must("system", "prune", "-f")
      #expect(real.out.hasPrefix("Deleted Containers:") && real.out.contains("Total reclaimed space"), "\(real)")
      #expect(try store.must("ps", "-aq").out == "")
      #expect(try store.must("images", "-q").lines.count == 1)
      try store.must("system", "prune", "-a", "-f")
      #expect(try store.must("images", "-q").out == "")
      try store.must("system", "check")
    }
  }
}

/// docker's sizes, written down once more.
private enum ByteText {
  static func decimal(_ bytes: Int64) -> String {
    var value = Double(bytes)
    var unit = 0
    while value >= 1000 {
      value /= 1000
      unit += 1
    }
    var scale: Double = value < 10 ? 1000 : value < 100 ? 100 : 10
    if unit == 0 { scale = 1 }
    let rounded = (value * scale).rounded() / scale
    var text = "\(rounded)"
    if text.hasSuffix(".0") { text.removeLast(2) }
    return text + ["B", "kB", "MB", "GB"][unit]
  }
}
