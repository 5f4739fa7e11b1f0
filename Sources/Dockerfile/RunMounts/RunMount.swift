/// One `RUN --mount`, its variables put in.
package enum RunMount: Equatable, Sendable {
  case bind(BindMount)
  case cache(CacheMount)
  case secret(SecretMount)
  case ssh(SSHMount)
  case tmpfs(TmpfsMount)
}
