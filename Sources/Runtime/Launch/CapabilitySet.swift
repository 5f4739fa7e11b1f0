internal import Basics

/// Capabilities as bits, numbered as in capabilities(7).
package struct CapabilitySet: OptionSet, Sendable, Equatable {
  package var rawValue: UInt64
  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// In the kernel's order; kernel 5.9 has all of them.
  package static var names: [String] { CapabilityName.all }

  package static let sysAdmin = CapabilitySet(rawValue: 1 << 21)
  package static let all = CapabilitySet(rawValue: (1 << 41) - 1)

  /// Docker's default: what a program that believes itself root commonly needs.
  package static let dockerDefault = CapabilitySet(rawValue: [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31].bits)

  /// The set of `CAP_…` names, or the first name that is none.
  package init?(names: [String], unknown: inout String) {
    self.init(rawValue: 0)
    for name in names {
      guard let bit = Self.names.firstIndex(of: name) else {
        unknown = name
        return nil
      }
      rawValue |= 1 << UInt64(bit)
    }
  }

  /// `CAP_…` names in the kernel's order.
  package var names: [String] {
    Self.names.enumerated().filter { rawValue >> UInt64($0.offset) & 1 != 0 }.map(\.element)
  }
}

extension [UInt64] {
  fileprivate var bits: UInt64 { reduce(0) { $0 | 1 << $1 } }
}
