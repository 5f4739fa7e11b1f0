/// What `manifest annotate` and `manifest add` say about an entry; nil leaves it as it is.
package struct ManifestEntryChange: Equatable, Sendable {
  package var os: String?
  package var architecture: String?
  package var variant: String?
  package var osVersion: String?
  package var osFeatures: [String] = []
  package var annotations: [(String, String)] = []

  package init() {}

  package static func == (a: ManifestEntryChange, b: ManifestEntryChange) -> Bool {
    a.os == b.os && a.architecture == b.architecture && a.variant == b.variant && a.osVersion == b.osVersion
      && a.osFeatures == b.osFeatures && a.annotations.elementsEqual(b.annotations) { $0 == $1 }
  }
}

/// What `manifest push` sends.
package struct ManifestPushRequest: Sendable {
  package var list: String
  /// Nil is the list's own name.
  package var destination: String?
  /// Also the images, not only the list.
  package var withContent = true
  /// The list goes from here when it has arrived there.
  package var removesList = false
  package var manifestFormat: ManifestFormat?
  package var access = RegistryAccess()

  package init(list: String) { self.list = list }
}
