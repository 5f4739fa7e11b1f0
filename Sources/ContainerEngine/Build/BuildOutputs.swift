internal import Basics
internal import Glibc
internal import ImageBuild
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

extension Engine {
  /// Writes a result to where `--output` says.
  func write(
    _ outputs: [BuildOutput], _ result: BuildResult, _ builder: Builder, image id: String, _ references: [Reference],
    doing: String
  ) throws {
    for output in outputs {
      switch output {
      case .local(let path): try writeTree(of: result, builder, to: path)
      case .tar(let path):
        try toFile(path) { try writeTar(of: result, builder, to: $0) }
      case .archive(let layout, let path):
        let names = references.isEmpty ? [id] : references.map(\.description)
        try toFile(path) { try saveImages(names, layout: layout, platform: nil, to: $0) }
      }
    }
  }

  /// A file appears under its name only when it is whole.
  private func toFile(_ path: String?, _ produce: (Int32) throws -> Void) throws {
    guard let path else { return try produce(STDOUT_FILENO) }
    let temporary = path + "." + Identifier.short(newID())
    do {
      let file = try File.open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
      try produce(file.raw)
      try File.rename(temporary, path)
    } catch {
      // What went wrong is told; a leftover that cannot be removed would only hide it.
      _ = try? File.remove(temporary)
      throw error
    }
  }

  private func writeTar(of result: BuildResult, _ builder: Builder, to descriptor: Int32) throws {
    let root = try File.openDirectory(try builder.tree(of: result))
    let writer = TarWriter { try File.writeAll(descriptor, $0, shown: "the archive") }
    let failure = ArchiveFailure(doing: "writing the image's files")
    for note in try TreeArchive.write(root.raw, as: .tree, to: writer, failure: failure) { Log.note(note) }
    try writer.finish()
  }

  /// Into a directory that may be there already; everything belongs to the user.
  private func writeTree(of result: BuildResult, _ builder: Builder, to path: String) throws {
    let doing = "writing the image's files to \(safeText(path))"
    let place = try builder.scratch() + "/tree.tar"
    let file = try File.open(place, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    try writeTar(of: result, builder, to: file.raw)
    guard lseek(file.raw, 0, SEEK_SET) == 0 else { throw SystemError("seek", place) }
    try File.ensureDirectory(path, mode: 0o755)
    let target = try File.openDirectory(path, followLink: true)
    var options = try builder.layerOptions()
    options.ownership = .squashed
    options.readsWhiteouts = false
    options.merge = LayerExtractor.Merge(top: nil)
    _ = try LayerExtractor(
      DescriptorSource(file.raw, shown: "the image's files"), into: target.raw, options: options,
      failure: ArchiveFailure(doing: doing)
    ).extract()
    try File.remove(place)
  }
}
