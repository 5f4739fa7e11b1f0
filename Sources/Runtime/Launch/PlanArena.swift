internal import Glibc

/// Memory for everything a launch plan points into. Nothing moves and nothing is freed before the arena goes, so that
/// a child which runs in our memory can read it while we go on.
final class PlanArena {
  private static let blockSize = 32 << 10
  private var blocks: [UnsafeMutableRawPointer] = []
  private var used = 0
  private var capacity = 0

  deinit { for block in blocks { free(block) } }

  /// Uninitialised memory, aligned to 16 bytes.
  func allocate(_ count: Int) -> UnsafeMutableRawPointer {
    let size = (count + 15) & ~15
    if let block = blocks.last, used + size <= capacity {
      defer { used += size }
      return block + used
    }
    capacity = max(size, Self.blockSize)
    let block = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    blocks.append(block)
    used = size
    return block
  }

  func string(_ text: String) -> UnsafePointer<CChar> {
    var text = text
    return text.withUTF8 { bytes in
      let copy = allocate(bytes.count + 1)
      if let base = bytes.baseAddress { copy.copyMemory(from: base, byteCount: bytes.count) }
      copy.storeBytes(of: 0, toByteOffset: bytes.count, as: UInt8.self)
      return UnsafePointer(copy.bindMemory(to: CChar.self, capacity: bytes.count + 1))
    }
  }

  /// A null-ended array of strings, as execve(2) takes it.
  func strings(_ list: [String]) -> UnsafePointer<UnsafePointer<CChar>?> {
    let array = allocate((list.count + 1) * MemoryLayout<UnsafePointer<CChar>?>.stride)
      .bindMemory(to: UnsafePointer<CChar>?.self, capacity: list.count + 1)
    for (index, text) in list.enumerated() { array[index] = string(text) }
    array[list.count] = nil
    return UnsafePointer(array)
  }

  func bytes<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafeRawPointer {
    elements.withUnsafeBytes { source in
      let copy = allocate(source.count)
      if let base = source.baseAddress { copy.copyMemory(from: base, byteCount: source.count) }
      return UnsafeRawPointer(copy)
    }
  }
}
