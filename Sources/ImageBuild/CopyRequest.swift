internal import Basics
internal import Dockerfile
internal import LayerArchive
internal import LinuxKernel
internal import OCI
internal import Storage

/// COPY and ADD as one.
struct CopyRequest {
  var keyword: String
  var files: FileSources
  var from: String?
  var owner: String?
  var mode: String?
  var link = false
  var parents = false
  var excludes: [String]
  var checksum: String?
  var keepsGitDirectory = false
  /// Local archives are unpacked.
  var unpacksFiles = false
  /// Downloaded ones are.
  var unpacksDownloads = false

  init(_ copy: CopyInstruction) {
    keyword = "COPY"
    files = copy.files
    from = copy.from
    owner = copy.owner
    mode = copy.mode
    link = copy.link
    parents = copy.parents
    excludes = copy.excludes
  }

  init(_ add: AddInstruction) {
    keyword = "ADD"
    files = add.files
    owner = add.owner
    mode = add.mode
    link = add.link
    excludes = add.excludes
    checksum = add.checksum
    keepsGitDirectory = add.keepsGitDirectory ?? false
    unpacksFiles = add.unpacks ?? true
    unpacksDownloads = add.unpacks ?? false
  }

  /// `COPY a b /c`, for the history.
  var history: String {
    var words = [keyword]
    if let owner { words.append("--chown=\(owner)") }
    if let mode { words.append("--chmod=\(mode)") }
    if link { words.append("--link") }
    words += files.paths + files.documents.map(\.name)
    return (words + [files.destination]).joined(separator: " ")
  }
}

/// One thing to be copied and its name in the image, relative to the root.
struct CopyItem {
  enum Content {
    /// Of a tree; a directory brings what is in it.
    case tree(SourceRoot, SourceRoot.Found)
    case document([UInt8])
    /// An archive of the tree, to be unpacked.
    case archive(SourceRoot, SourceRoot.Found)
    /// Fetched from a URL.
    case download(SourceRoot, SourceRoot.Found, Timestamp?)
  }
  var content: Content
  /// What it is called at its source: the last part of the path asked for.
  var base: String
  /// `--parents`: the directories of its path, without the last part.
  var keptParents: [String] = []
}
