package import Basics
internal import Registry

extension Engine {
  /// Takes the stored credentials of a registry away from where `login` stores them.
  /// - Returns: whether there were any, and another file or helper that still has some.
  package func logOut(
    _ server: LoginServer, _ access: RegistryAccess, as caller: LoginCaller
  ) throws(EngineError) -> (erased: Bool, remaining: String?) {
    let credentials = try registryConfiguration(access).credentials
    let erased = try credentials.erase(server.key, style: caller.style)
    // The credentials are gone; a place that cannot be asked about others is nothing to fail for then.
    if erased { return (true, try? credentials.remaining(server.key)) }
    return (false, try credentials.remaining(server.key))
  }

  /// Takes the stored credentials of all registries away.
  package func logOutEverywhere(_ access: RegistryAccess, as caller: LoginCaller) throws(EngineError) {
    try registryConfiguration(access).credentials.eraseAll(style: caller.style)
  }
}
