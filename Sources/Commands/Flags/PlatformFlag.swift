internal import Glibc
internal import OCI

/// `--platform` as given, when it is one.
func platform(_ text: String) throws(FlagValueError) -> String {
  do throws(OCIFormatError) {
    _ = try Platform(parsing: text)
  } catch {
    throw FlagValueError("\(error.subject) \(error.reason)")
  }
  return text
}

/// docker's DOCKER_DEFAULT_PLATFORM: what `--platform` of pull, run and create is when nobody says.
var defaultPlatform: String? {
  guard let text = getenv("DOCKER_DEFAULT_PLATFORM").map({ String(cString: $0) }), !text.isEmpty else { return nil }
  return text
}
