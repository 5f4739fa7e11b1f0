/// An error as the distribution specification 1.1 has it (section "Error Codes"): a status, a code, words.
package struct RegistryError: Error, Equatable, Sendable {
  package enum Code: String, Sendable {
    case blobUnknown = "BLOB_UNKNOWN"
    case blobUploadInvalid = "BLOB_UPLOAD_INVALID"
    case blobUploadUnknown = "BLOB_UPLOAD_UNKNOWN"
    case digestInvalid = "DIGEST_INVALID"
    case manifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN"
    case manifestInvalid = "MANIFEST_INVALID"
    case manifestUnknown = "MANIFEST_UNKNOWN"
    case nameInvalid = "NAME_INVALID"
    case nameUnknown = "NAME_UNKNOWN"
    case sizeInvalid = "SIZE_INVALID"
    case unauthorized = "UNAUTHORIZED"
    case denied = "DENIED"
    case unsupported = "UNSUPPORTED"
    case tooManyRequests = "TOOMANYREQUESTS"
    /// For failures of our own, which the specification has no code for.
    case unknown = "UNKNOWN"
  }

  package var status: Int
  package var code: Code
  package var message: String

  package init(_ status: Int, _ code: Code, _ message: String) {
    self.status = status
    self.code = code
    self.message = message
  }
}
