internal import Glibc

/// The bytes of a textual IPv4 or IPv6 address (without brackets), nil for anything else (inet_pton(3)).
func addressBytes(_ text: String) -> [UInt8]? {
  for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
    var bytes = [UInt8](repeating: 0, count: count)
    if inet_pton(family, text, &bytes) == 1 { return bytes }
  }
  return nil
}
