/// Bytes waiting to be written, first in, first out. Its memory is given back as soon as it is empty.
package struct ByteQueue {
  private var bytes: [UInt8] = []
  private var head = 0

  package init() {}

  package var count: Int { bytes.count - head }
  package var isEmpty: Bool { head == bytes.count }

  package mutating func append(_ more: UnsafeRawBufferPointer) {
    if head > 65_536, head > bytes.count / 2 {
      bytes.removeFirst(head)
      head = 0
    }
    bytes.append(contentsOf: more)
  }

  /// The waiting bytes, for one call.
  package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[head...])) }
  }

  /// Removes bytes from the front.
  package mutating func consume(_ amount: Int) {
    head += amount
    if head == bytes.count { removeAll() }
  }

  package mutating func removeAll() {
    bytes = []
    head = 0
  }
}
