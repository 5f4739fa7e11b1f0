internal import Basics
internal import OCI
internal import Registry
internal import Storage

/// Brings what belongs to an image without being run: the attestations that its index has of it, without which the index
/// would never be whole, and what refers to it: signatures, bills of materials (distribution spec, "Listing Referrers").
/// What a registry does not give is left out with a note: the image is whole without it.
struct CompanionPull {
  let client: RegistryClient
  let ingest: ContentIngest
  let doing: String
  private(set) var notes: [String] = []
  /// What refers to the image, to be added to the store after it.
  private(set) var referrers: [StoredImage] = []
  private var left = Self.mostBytes
  private var seen: Set<Digest> = []

  /// Manifests beside one image.
  private static let most = 64
  /// Bytes of all of them.
  private static let mostBytes: Int64 = 256 << 20
  /// Referrers of referrers, such as the signature of a bill of materials.
  private static let depth = 3

  init(client: RegistryClient, ingest: ContentIngest, doing: String) {
    self.client = client
    self.ingest = ingest
    self.doing = doing
  }

  private var blobs: BlobStore { BlobStore(ingest.directory) }

  /// Stages the attestations of the image that was chosen from an index.
  mutating func addAttestations(of image: RemoteImage) throws {
    let chosen = image.manifest.digest.description
    for document in image.documents {
      guard case .index(let index)? = try? ManifestDocument(parsing: document.bytes, declared: nil) else { continue }
      for entry in index.manifests where entry.isAttestation {
        guard entry.annotation("vnd.docker.reference.digest") == chosen, seen.count < Self.most else { continue }
        _ = try take(entry, "attestation")
      }
    }
  }

  /// Stages what refers to an image, or to the index that it was chosen from.
  mutating func addReferrers(of image: RemoteImage) throws {
    var subjects = [image.top]
    if image.manifest.digest != image.top { subjects.append(image.manifest.digest) }
    for _ in 0..<Self.depth {
      var next: [Digest] = []
      for subject in subjects { next += try addReferrers(to: subject) }
      // Most images have none, and then nothing more is asked.
      if next.isEmpty { return }
      subjects = next
    }
  }

  private mutating func addReferrers(to subject: Digest) throws -> [Digest] {
    let found: [Descriptor]
    do throws(RegistryError) { found = try client.referrers(of: subject) } catch {
      if error.kind != .notFound { note("what refers to \(subject.short) was not pulled", error) }
      return []
    }
    var taken: [Digest] = []
    for entry in found where !seen.contains(entry.digest) {
      guard seen.count < Self.most else {
        notes.append("more than \(Self.most) manifests refer to the image: the rest of them was not pulled")
        break
      }
      guard entry.mediaType.kind == .manifest, let manifest = try take(entry, "referrer") else { continue }
      // The list says so, and the manifest must.
      guard manifest.subject?.digest == subject else { continue }
      let descriptor = Descriptor(mediaType: manifest.mediaType, digest: entry.digest, size: entry.size)
      referrers.append(
        StoredImage(manifest: descriptor, id: manifest.config.digest, references: [], subject: subject))
      taken.append(entry.digest)
    }
    return taken
  }

  private mutating func note(_ what: String, _ error: RegistryError) {
    notes.append("\(what): \(error.reason)")
  }

  /// Stages a manifest with all it needs.
  /// - Returns: nil when the registry does not give it.
  private mutating func take(_ entry: Descriptor, _ what: String) throws -> ImageManifest? {
    seen.insert(entry.digest)
    do {
      try ingest.pin(blobs: [entry.digest])
      let bytes = try document(entry)
      guard case .manifest(let manifest) = try ManifestDocument(parsing: bytes, declared: entry.mediaType) else {
        return nil
      }
      let parts = ([manifest.config] + manifest.layers).filter { !$0.mediaType.isNotDistributed }
      guard parts.allSatisfy({ $0.digest.algorithm == .sha256 }) else {
        throw RegistryError(.unsupported, "", "only sha256 digests can be checked")
      }
      let size = parts.reduce(Int64(bytes.count)) { $0.addingReportingOverflow($1.size).overflow ? .max : $0 + $1.size }
      guard size <= left else {
        throw RegistryError(.limit, "", "it has more than the \(Self.mostBytes >> 20) MiB allowed beside an image")
      }
      left -= size
      try ingest.pin(blobs: parts.map(\.digest))
      for part in parts { try fetch(part) }
      // Last: where the manifest is, all of it is.
      if try !blobs.contains(entry.digest) { _ = try ingest.add(blob: bytes) }
      return manifest
    } catch let error as RegistryError {
      note("\(what) \(entry.digest.short) was not pulled", error)
    } catch let error as OCIFormatError {
      notes.append("\(what) \(entry.digest.short) was not pulled: \(error.reason)")
    } catch let error as EngineError where error.kind == .corrupt {
      notes.append("\(what) \(entry.digest.short) was not pulled: \(error.reason)")
    }
    return nil
  }

  private func document(_ entry: Descriptor) throws -> [UInt8] {
    if try blobs.contains(entry.digest) { return try blobs.read(entry.digest) }
    let bytes = try client.manifest(.digest(entry.digest)).bytes
    guard Int64(bytes.count) == entry.size else {
      throw RegistryError(.corrupt, "", "it has \(bytes.count) bytes, not \(entry.size) as its descriptor says")
    }
    return bytes
  }

  private func fetch(_ part: Descriptor) throws {
    if try blobs.contains(part.digest) { return }
    let writer = try ingest.blob()
    let download = try client.openBlob(part)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try download.read(into: buffer)
      if count == 0 { break }
      try writer.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
    _ = try writer.finish(expecting: part.digest, size: part.size)
  }
}
