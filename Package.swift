// swift-tools-version: 6.1
import PackageDescription

/// The release binary is one fully static, position-independent file: no interpreter, no NEEDED entry.
/// `scripts/openssl.ld` marks what monitors give back of OpenSSL.
/// `-z pack-relative-relocs` keeps the relocation table small, lld is the linker that knows it.
let staticLink: [LinkerSetting] = [
  .unsafeFlags(
    [
      "-static-executable", "-use-ld=lld", "-Xclang-linker", "-static-pie",
      "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs", "-Xlinker", "--gc-sections", "-Xlinker", "-s",
      "-Xlinker", "-T", "-Xlinker", Context.packageDirectory + "/scripts/openssl.ld",
    ], .when(platforms: [.linux], configuration: .release))
]

/// Named kill, pause and fail points exist in debug builds only; release builds contain no trace of them.
let settings: [SwiftSetting] = [
  .define("FAULT_POINTS", .when(configuration: .debug)),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A library of the layered house (docs/ARCHITECTURE.md): higher imports lower, `make check` proves it.
func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], goldens: [String] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies, exclude: goldens, swiftSettings: settings)
}

let package = Package(
  name: "dhow",
  products: [.executable(name: "dhow", targets: ["dhow"])],
  targets: [
    .target(name: "CLinux", cSettings: [.unsafeFlags(["-std=gnu11", "-Wall", "-Wextra"])]),
    .systemLibrary(name: "CSeccomp"),
    .systemLibrary(name: "CArchive"),
    .systemLibrary(name: "CNettle"),
    .systemLibrary(name: "COpenSSL"),
    library("Basics", []),
    library("OCI", ["Basics", "CNettle"]),
    library("LinuxKernel", ["Basics", "CLinux", "CSeccomp"]),
    library("LayerArchive", ["Basics", "OCI", "LinuxKernel", "CLinux", "CArchive"]),
    library("Storage", ["Basics", "OCI", "LinuxKernel", "CLinux", "LayerArchive"]),
    library("HTTP", ["Basics", "LinuxKernel", "CLinux", "COpenSSL"]),
    library("Dockerfile", ["Basics", "OCI"]),
    library("Registry", ["Basics", "OCI", "LinuxKernel", "HTTP"]),
    library("RegistryServer", ["Basics", "OCI", "LinuxKernel", "HTTP", "Storage"]),
    library("Runtime", ["Basics", "OCI", "LinuxKernel", "CLinux", "Storage"]),
    library(
      "ImageBuild",
      ["Basics", "OCI", "LinuxKernel", "CLinux", "LayerArchive", "Storage", "Runtime", "Dockerfile"]),
    library("Networking", ["Basics", "LinuxKernel", "CLinux", "Storage"]),
    library(
      "ContainerEngine",
      [
        "Basics", "OCI", "LinuxKernel", "CLinux", "LayerArchive", "Storage", "Runtime", "Networking", "HTTP",
        "Registry", "RegistryServer", "Dockerfile", "ImageBuild",
      ]),
    library(
      "Commands", ["Basics", "OCI", "LinuxKernel", "Storage", "Networking", "Runtime", "ImageBuild", "ContainerEngine"]),
    .executableTarget(name: "dhow", dependencies: ["Commands"], swiftSettings: settings, linkerSettings: staticLink),
    .target(
      name: "TestSupport", dependencies: ["Basics", "OCI", "LinuxKernel"], path: "Tests/TestSupport",
      swiftSettings: settings),
    .executableTarget(
      name: "launch-probe", dependencies: ["Basics", "OCI", "LinuxKernel", "Runtime"], path: "Tests/LaunchProbe",
      swiftSettings: settings),
    .executableTarget(
      name: "monitor-harness", dependencies: ["Runtime", "LinuxKernel", "Basics", "CLinux"],
      path: "Tests/MonitorHarness",
      swiftSettings: settings, linkerSettings: staticLink),
    .executableTarget(
      name: "store-probe", dependencies: ["Storage", "LinuxKernel", "OCI", "Basics"], path: "Tests/StoreProbe",
      swiftSettings: settings),
    .executableTarget(
      name: "registry-double", dependencies: ["HTTP", "LinuxKernel", "Basics", "COpenSSL", "TestSupport"],
      path: "Tests/RegistryDouble", swiftSettings: settings),
    tests("BasicsTests", ["Basics"]),
    tests("OCITests", ["OCI", "Basics"]),
    tests("LinuxKernelTests", ["LinuxKernel", "Basics", "TestSupport"]),
    tests("LayerArchiveTests", ["LayerArchive", "LinuxKernel", "OCI", "Basics", "TestSupport"]),
    tests(
      "StorageTests",
      ["store-probe", "Storage", "CLinux", "LayerArchive", "LinuxKernel", "OCI", "Basics", "TestSupport"]),
    tests("NetworkingTests", ["Networking", "LinuxKernel", "Basics", "TestSupport"]),
    tests("ImageBuildTests", ["ImageBuild", "Basics"]),
    tests("DockerfileTests", ["Dockerfile", "OCI", "Basics"]),
    tests("RegistryTests", ["Registry", "HTTP", "OCI", "LinuxKernel", "Basics", "TestSupport"]),
    tests("RegistryServerTests", ["RegistryServer", "HTTP", "OCI"]),
    tests("HTTPTests", ["HTTP", "LinuxKernel", "Basics", "TestSupport"]),
    .executableTarget(name: "seccomp-probe", path: "Tests/SeccompProbe"),
    // Static: it runs in containers that have no libraries.
    .executableTarget(
      name: "host-probe", path: "Tests/HostProbe",
      linkerSettings: [.unsafeFlags(["-static-executable", "-use-ld=lld"])]),
    tests(
      "RuntimeTests",
      [
        "monitor-harness", "launch-probe", "seccomp-probe", "CSeccomp", "Runtime", "Storage", "LinuxKernel", "OCI",
        "Basics", "TestSupport",
      ]),
    tests(
      "ContainerEngineTests",
      ["ContainerEngine", "store-probe", "Storage", "LinuxKernel", "OCI", "Basics", "TestSupport"]),
    tests(
      "CommandsTests", ["Commands", "ContainerEngine", "Storage", "OCI", "Basics", "TestSupport"],
      goldens: ["Goldens"]),
    tests(
      "IntegrationTests",
      ["TestSupport", "Basics", "OCI", "LinuxKernel", "HTTP", "dhow", "host-probe", "registry-double"],
      goldens: ["Dockerfiles"]),
  ],
  swiftLanguageModes: [.v6]
)
