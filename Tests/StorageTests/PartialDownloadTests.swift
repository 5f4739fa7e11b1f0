import Basics
import LinuxKernel
import OCI
import Storage
import TestSupport
import Testing
import store_probe

@Suite struct PartialDownloadTests {
  private func append(_ text: String, to download: PartialDownload) throws {
    try File.writeAll(download.descriptor, Array(text.utf8))
  }

  /// A process that another test is just starting holds all locks of this one until its exec.
  private func take(_ blob: Digest, in store: StateDirectory) throws -> PartialDownload {
    var download: PartialDownload?
    _ = try eventually {
      download = try PartialDownload.attempt(blob, in: store)
      return download != nil
    }
    return try #require(download)
  }

  @Test func `one process fetches a blob and the next goes on where it ended`() throws {
    try withStore { store in
      let blob = digest("content")
      #expect(try PartialDownload.progress(of: blob, in: store) == nil)
      do {
        let first = try take(blob, in: store)
        try append("cont", to: first)
        #expect(try PartialDownload.attempt(blob, in: try store.reopened()) == nil)
        #expect(try PartialDownload.progress(of: blob, in: store) == 4)
        withExtendedLifetime(first) {}
      }
      let second = try take(blob, in: store)
      #expect(try second.size() == 4)
      try second.truncate(to: 2)
      #expect(try second.size() == 2)
      second.release()
      _ = try take(blob, in: store)
    }
  }

  @Test func `a whole blob is published with the rest of its image and never twice`() throws {
    try withStore { store in
      let blob = digest("content")
      let late = try ContentIngest(store)
      let ingest = try ContentIngest(store)
      let download = try take(blob, in: store)
      try append("content", to: download)
      try ingest.adopt(download)
      #expect(try !BlobStore(store).contains(blob))
      let opened = try ingest.openBlob(blob)
      #expect(try File.readAll(opened.raw, limit: 10) == Array("content".utf8))
      try ingest.publish()
      #expect(try BlobStore(store).verify(blob))
      #expect(names(in: store.location.root + "/downloads") == [])
      // Somebody who waited for the lock gets a new file, finds the blob in its place, and publishes nothing.
      let again = try take(blob, in: store)
      try append("other", to: again)
      try late.adopt(again)
      try late.publish()
      #expect(try BlobStore(store).verify(blob))
      #expect(names(in: store.location.root + "/downloads") == [])
    }
  }

  @Test func `what is wrong is removed at once, what is old by the sweep, everything when asked`() throws {
    try withStore { store in
      for text in ["wrong", "old", "young", "held"] {
        let download = try take(digest(text), in: store)
        try append(text, to: download)
        if text == "wrong" { try download.discard() }
      }
      let folder = store.location.root + "/downloads"
      #expect(names(in: folder).count == 3)
      for text in ["old", "held"] {
        try mustRun(["touch", "-d", "8 days ago", "\(folder)/sha256-\(digest(text).hex)"])
      }
      let held = try take(digest("held"), in: store)
      try GarbageCollector(store).sweep()
      #expect(Set(names(in: folder)) == ["sha256-\(digest("young").hex)", "sha256-\(digest("held").hex)"])
      #expect(try GarbageCollector(store).removeDownloads() > 0)
      #expect(names(in: folder) == ["sha256-\(digest("held").hex)"])
      held.release()
    }
  }

  @Test func `a blob is known to have a layer's content when it was unpacked from it or noted`() throws {
    try withStore { store in
      try store.addImage("app", layers: ["a"])
      let layers = LayerStore(store)
      #expect(try layers.isKnown(digest("a"), of: digest("a")))
      #expect(try !layers.isKnown(digest("gzip"), of: digest("a")))
      try layers.note(digest("gzip"), of: digest("a"))
      #expect(try layers.isKnown(digest("gzip"), of: digest("a")))
      let ingest = try ContentIngest(store)
      let draft = try #require(try ingest.layer(digest("b")))
      try draft.finish(archive: (digest("b"), 1), contentSize: 1, entries: 1, blob: digest("zstd"))
      try ingest.publish()
      #expect(try layers.isKnown(digest("zstd"), of: digest("b")))
      #expect(try !layers.isKnown(digest("zstd"), of: digest("a")))
    }
  }
}
