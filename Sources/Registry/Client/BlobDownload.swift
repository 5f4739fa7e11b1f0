internal import Basics
internal import HTTP
package import OCI

/// A blob on its way from a registry, from a given byte on. Connections that break or stall are taken up again by Range
/// (SECURITY B8); the reader sees one run of bytes. It checks the digest itself, over all of them.
package final class BlobDownload {
  package let descriptor: Descriptor
  /// The next byte to be read.
  package private(set) var position: Int64
  /// The server's strong entity tag, for a later download that begins where this one ended; nil when it gave none.
  package private(set) var validator: String?
  /// Bytes that came over the network.
  package private(set) var received: Int64 = 0
  /// Bytes that came again because the server does not answer ranges.
  package private(set) var repeated: Int64 = 0
  private let client: RegistryClient
  private let retry: RetryPolicy
  private var response: HTTPResponse?
  private var failures = 0
  /// Position at the last failure.
  private var failedAt: Int64

  /// Failures in a row are counted anew after so many bytes came without one.
  private static let progress: Int64 = 1 << 20

  init(
    _ client: RegistryClient, _ descriptor: Descriptor, from offset: Int64, validator: String?, retry: RetryPolicy
  ) throws(RegistryError) {
    self.client = client
    self.descriptor = descriptor
    self.validator = validator
    self.retry = retry
    position = offset
    failedAt = offset
    guard (0...descriptor.size).contains(offset) else {
      throw RegistryError(.local, asked, "byte \(offset) of \(descriptor.size) was asked for")
    }
    if offset < descriptor.size { try open() }
  }

  private var asked: String { "blob \(descriptor.digest)" }

  /// Fills `buffer` from its front with what has come; 0 is the end, and comes only after all `descriptor.size` bytes.
  package func read(into buffer: UnsafeMutableRawBufferPointer) throws(RegistryError) -> Int {
    while position < descriptor.size {
      let room = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<Int(min(Int64(buffer.count), descriptor.size - position))])
      if let count = try readOnce(into: room) {
        position += Int64(count)
        return count
      }
    }
    try end()
    return 0
  }

  /// Nil when the connection broke and there is another now.
  private func readOnce(into buffer: UnsafeMutableRawBufferPointer) throws(RegistryError) -> Int? {
    guard let response else {
      try open()
      return nil
    }
    var reason = "the registry ended it after \(position) of \(descriptor.size) bytes"
    do throws(HTTPFailure) {
      let count = try response.read(into: buffer)
      received += Int64(count)
      if count > 0 { return count }
    } catch { reason = safeText(error.text) }
    try resume(after: RegistryError(.unavailable, asked, reason))
    return nil
  }

  private func resume(after failure: RegistryError) throws(RegistryError) {
    response = nil
    if position - failedAt >= Self.progress { failures = 0 }
    failures += 1
    failedAt = position
    guard failures < retry.attempts else { throw failure }
    retry.wait(after: failures)
    try open()
  }

  /// Nothing may follow the last byte.
  private func end() throws(RegistryError) {
    guard let response else { return }
    self.response = nil
    var more = 0
    withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { buffer in
      // All bytes are there: how the connection ends is of no matter.
      more = (try? response.read(into: buffer)) ?? 0
    }
    guard more == 0 else {
      throw RegistryError(.corrupt, asked, "the registry sends more than the \(descriptor.size) bytes it should have")
    }
  }

  private func open() throws(RegistryError) {
    let response = try client.trying { (session) throws(RegistryError) in
      var call = RegistryCall(
        method: "GET", address: try session.repositoryAddress("blobs/\(self.descriptor.digest)"),
        scopes: self.client.scopes(session), asked: "\(self.asked) at \(session.endpoint.name)", answers: [200])
      if self.position > 0 {
        call.answers = [200, 206]
        call.headers.add("Range", "bytes=\(self.position)-")
        if let validator = self.validator { call.headers.add("If-Range", validator) }
      }
      let response = try session.send(call).response
      try self.check(response, call)
      return response
    }
    self.response = response
    // Only a strong tag may join ranges (RFC 9110 13.1.5).
    if let tag = response.headers.first("ETag"), tag.hasPrefix("\""), tag.utf8.count <= 256 { validator = tag }
    if response.status == 200, position > 0 { try skip(position, of: response) }
  }

  private func check(_ response: HTTPResponse, _ call: RegistryCall) throws(RegistryError) {
    let total: Int64?
    if response.status == 206 {
      guard let text = response.headers.first("Content-Range"), let range = ContentRange(text),
        range.first == position, range.last < descriptor.size
      else { throw RegistryError(.malformed, call.asked, "the registry answers with another range than was asked for") }
      total = range.total
    } else {
      total = response.length
    }
    if let total, total != descriptor.size {
      throw RegistryError(
        .corrupt, call.asked, "the registry has \(total) bytes of it, not \(descriptor.size) as its descriptor says")
    }
  }

  /// The server does not do ranges: what is there already comes again and is passed over.
  private func skip(_ count: Int64, of response: HTTPResponse) throws(RegistryError) {
    var left = count
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { buffer.deallocate() }
    while left > 0 {
      let room = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(left, 64 << 10))])
      let got: Int
      do throws(HTTPFailure) { got = try response.read(into: room) } catch {
        return try resume(after: RegistryError(.unavailable, asked, safeText(error.text)))
      }
      guard got > 0 else {
        return try resume(after: RegistryError(.unavailable, asked, "the registry ended it too early"))
      }
      left -= Int64(got)
      received += Int64(got)
      repeated += Int64(got)
    }
  }
}

/// `Content-Range: bytes 10-99/100` (RFC 9110 14.4).
struct ContentRange: Equatable {
  var first: Int64
  var last: Int64
  /// Nil for `*`.
  var total: Int64?

  init?(_ text: String) {
    guard text.hasPrefix("bytes ") else { return nil }
    let parts = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]), first <= last else {
      return nil
    }
    self.first = first
    self.last = last
    if parts[1] != "*" {
      guard let total = Self.number(parts[1]), last < total else { return nil }
      self.total = total
    }
  }

  /// Digits only: Int64 takes a sign.
  static func number(_ text: Substring) -> Int64? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
  }
}
