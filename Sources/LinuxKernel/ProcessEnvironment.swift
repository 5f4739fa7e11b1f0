internal import CLinux

/// The environment this process was started with.
package enum ProcessEnvironment {
  /// Every `NAME=value`, in the order of environ(7).
  package static var entries: [String] {
    var result: [String] = []
    guard var entry = dhow_environment() else { return result }
    while let text = entry.pointee {
      result.append(String(cString: text))
      entry += 1
    }
    return result
  }
}
