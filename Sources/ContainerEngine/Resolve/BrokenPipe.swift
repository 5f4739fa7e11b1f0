internal import Glibc

/// The reader of our standard output has gone while something else wrote to it for us.
enum BrokenPipe {
  /// Ends as a program that wrote itself: by SIGPIPE, without a word.
  static func endProcess() -> Never {
    signal(SIGPIPE, SIG_DFL)
    var mask = sigset_t()
    sigemptyset(&mask)
    sigaddset(&mask, SIGPIPE)
    sigprocmask(SIG_UNBLOCK, &mask, nil)
    kill(getpid(), SIGPIPE)
    _exit(128 + SIGPIPE)
  }
}
