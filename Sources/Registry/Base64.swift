/// Base64 of RFC 4648 with padding, for Basic authentication.
func base64(_ text: String) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  let bytes = Array(text.utf8)
  var result: [UInt8] = []
  result.reserveCapacity((bytes.count + 2) / 3 * 4)
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let rest = bytes[start..<min(start + 3, bytes.count)]
    var group = 0
    for offset in 0..<3 { group = group << 8 | (offset < rest.count ? Int(rest[start + offset]) : 0) }
    for place in 0..<4 {
      result.append(place <= rest.count ? alphabet[group >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
    }
  }
  return String(decoding: result, as: UTF8.self)
}
