import Basics
import OCI
import Testing

private let hex = String(repeating: "0123456789abcdef", count: 4)

private func document(_ config: JSON, _ changes: (inout JSONObject) -> Void = { _ in }) -> [UInt8] {
  var object = JSONObject([
    ("architecture", "amd64"), ("os", "linux"), ("config", config),
    ("rootfs", ["type": "layers", "diff_ids": .array([.string("sha256:" + hex)])]),
    ("history", [["created_by": "COPY / /"], ["created_by": "CMD sh", "empty_layer": true]]),
  ])
  changes(&object)
  return JSON.object(object).bytes()
}

private let longEntry = "A=" + String(repeating: "x", count: 2 << 20)
private let hostile: [JSON] = [
  ["Volumes": ["/../../x": [:]]], ["Volumes": ["/": [:]]], ["Volumes": ["": [:]]], ["Volumes": ["/a\0b": [:]]],
  ["Volumes": ["/./": [:]]],
  ["Env": ["=x"]], ["Env": [""]], ["Env": ["A=\0"]], ["Env": [.string(longEntry)]],
  ["Env": .array(Array(repeating: "A=1", count: 5000))], ["Env": "A=1"], ["Env": [1]],
  ["ExposedPorts": ["0": [:]]], ["ExposedPorts": ["0/tcp": [:]]], ["ExposedPorts": ["99999/tcp": [:]]],
  ["ExposedPorts": ["80/icmp": [:]]], ["ExposedPorts": ["/tcp": [:]]], ["ExposedPorts": ["-1": [:]]],
  ["ExposedPorts": ["+80": [:]]],
  ["Healthcheck": ["Interval": -1]], ["Healthcheck": ["Interval": 1]], ["Healthcheck": ["Timeout": 999_999]],
  ["Healthcheck": ["Retries": -1]],
  ["StopSignal": "9999"], ["StopSignal": "0"], ["StopSignal": "-9"], ["StopSignal": "TERM; reboot"],
  ["Cmd": ["a\0b"]], ["Entrypoint": ["\0"]], ["User": "a\0"], ["WorkingDir": "\0"], ["Labels": ["a": 1]],
]

@Suite struct ImageConfigTests {
  @Test func `all members are read, unknown ones survive a rewrite`() throws {
    let bytes = document(
      [
        "User": "1000:1000", "Env": ["PATH=/bin", "EMPTY="], "Entrypoint": ["/init"], "Cmd": ["sh", "-c", "x"],
        "WorkingDir": "/w", "ExposedPorts": ["80/tcp": [:], "53/udp": [:]], "Volumes": ["/data": [:]],
        "Labels": ["b": "1", "a": "2"], "StopSignal": "SIGQUIT", "OnBuild": ["RUN x"], "Shell": ["/bin/bash", "-c"],
        "Healthcheck": ["Test": ["CMD", "true"], "Interval": 30_000_000_000, "Retries": 3], "ArgsEscaped": true,
      ]
    ) {
      $0["docker_version"] = "28"
      $0["created"] = "2024-05-06T07:08:09.123456789Z"
    }
    let config = try ImageConfig(parsing: bytes)
    #expect(config.platform == Platform(os: "linux", architecture: "amd64"))
    #expect(config.defaults.user == "1000:1000")
    #expect(config.defaults.environment == ["PATH=/bin", "EMPTY="])
    #expect(config.defaults.entrypoint == ["/init"])
    #expect(config.defaults.command == ["sh", "-c", "x"])
    #expect(config.defaults.workingDirectory == "/w")
    #expect(config.defaults.exposedPorts.map(\.description) == ["80/tcp", "53/udp"])
    #expect(config.defaults.volumes == ["/data"])
    #expect(config.defaults.labels.map(\.0) == ["b", "a"])
    #expect(config.defaults.stopSignal == "SIGQUIT")
    #expect(config.defaults.onBuild == ["RUN x"])
    #expect(config.defaults.shell == ["/bin/bash", "-c"])
    #expect(config.defaults.healthcheck?.retries == 3)
    #expect(config.created?.rfc3339 == "2024-05-06T07:08:09.123456789Z")
    #expect(config.diffIDs.count == 1)
    let again = try ImageConfig(parsing: config.json.bytes())
    #expect(again == config)
    #expect(again.json["docker_version"] == "28")
    #expect(again.json["config"]?["ArgsEscaped"] == true)
  }

  @Test func `absent lists differ from empty ones`() throws {
    let config = try ImageConfig(parsing: document(["Cmd": []]))
    #expect(config.defaults.command == [])
    #expect(config.defaults.entrypoint == nil)
  }

  /// SECURITY B11: a name without a value is empty, never the host's.
  @Test func `an environment name alone gets an empty value`() throws {
    let config = try ImageConfig(parsing: document(["Env": ["HOME", "LD_PRELOAD=/x", "A=b=c"]]))
    #expect(config.defaults.environment == ["HOME=", "LD_PRELOAD=/x", "A=b=c"])
  }

  /// SECURITY B11.
  @Test(arguments: hostile) func `a hostile config is refused`(config: JSON) {
    #expect(throws: OCIFormatError.self) { try ImageConfig(parsing: document(config)) }
  }

  @Test func `a volume's path is made absolute and clean`() throws {
    let config = try ImageConfig(parsing: document(["Volumes": ["data//x/./y/": [:]]]))
    #expect(config.defaults.volumes == ["/data/x/y"])
  }

  @Test func `a manifest is no config`() {
    #expect(throws: OCIFormatError.self) { try ImageConfig(parsing: document([:]) { $0["layers"] = [] }) }
    #expect(throws: OCIFormatError.self) { try ImageConfig(parsing: document([:]) { $0["rootfs"] = nil }) }
    #expect(throws: OCIFormatError.self) { try ImageConfig(parsing: document([:]) { $0["rootfs"] = ["type": "zip"] }) }
  }

  /// SECURITY B10.
  @Test func `the layers of manifest and config must agree in number`() throws {
    let config = try ImageConfig(parsing: document([:]))
    let digest = try Digest(parsing: "sha256:" + hex)
    let descriptor = Descriptor(mediaType: .ociConfig, digest: digest, size: 1)
    let layer = Descriptor(mediaType: .ociLayer, digest: digest, size: 1)
    try config.check(against: ImageManifest(config: descriptor, layers: [layer]))
    #expect(throws: OCIFormatError.self) { try config.check(against: ImageManifest(config: descriptor, layers: [])) }
  }

  @Test func `history steps find their layers`() throws {
    let config = try ImageConfig(parsing: document([:]))
    #expect(config.historyLayers.map(\.layer) == [0, nil])
    let odd = try ImageConfig(parsing: document([:]) { $0["history"] = [["created_by": "a"], ["created_by": "b"]] })
    #expect(odd.historyLayers.map(\.layer) == [nil, nil])
  }

  @Test func `a layout's marker and index are checked`() throws {
    try ImageLayout.checkMarker(ImageLayout.marker.bytes())
    #expect(throws: OCIFormatError.self) { try ImageLayout.checkMarker(Array(#"{"imageLayoutVersion":"2.0"}"#.utf8)) }
    #expect(try ImageLayout.index(parsing: Array(#"{"schemaVersion":2,"manifests":[]}"#.utf8)).manifests.isEmpty)
    #expect(throws: OCIFormatError.self) {
      try ImageLayout.index(parsing: Array(#"{"manifests":[],"layers":[]}"#.utf8))
    }
  }
}
