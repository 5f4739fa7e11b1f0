internal import Glibc

private final class Work {
  let run: () -> Void
  init(_ run: @escaping () -> Void) { self.run = run }
}

/// Runs something in a thread of its own that nobody waits for: the servers that tests speak to.
package func detachThread(_ run: @escaping @Sendable () -> Void) {
  var thread = pthread_t()
  let work = Unmanaged.passRetained(Work(run)).toOpaque()
  let made = pthread_create(
    &thread, nil,
    { pointer in
      if let pointer { Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().run() }
      return nil
    }, work)
  if made == 0 { pthread_detach(thread) }
}
