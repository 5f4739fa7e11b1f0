internal import Basics
internal import ContainerEngine

/// `inspect` and its narrower forms print what an object is made of, several as one array.
struct InspectOptions: CommandOptions {
  var output = FormatOptions()
  var size = false
  var type: ObjectType?

  /// What can be inspected in this version, in docker's order.
  enum ObjectType: String, CaseIterable {
    case container, image, network, volume
  }

  static var sizeFlag: Flag<InspectOptions> {
    .toggle("size", "s", "Display total file sizes if the type is container") { $0.size = $1 }
  }

  static func type(_ text: String) throws -> ObjectType {
    if let type = ObjectType(rawValue: text) { return type }
    if ["secret", "pod"].contains(text) {
      throw EngineError(.unsupported, "--type \(text)", "not in this version yet")
    }
    throw FlagValueError(
      "unknown type: \(goQuoted(text)): must be one of \"container\", \"image\", \"network\", \"volume\"")
  }
}

/// Prints objects as docker's inspect does.
struct ObjectPrinter {
  private let format: String?
  private let template: GoTemplate?

  init(_ format: String?) throws {
    self.format = format
    template = format == nil || format == "" || format == "json" ? nil : try GoTemplate.ofObject(format ?? "")
  }

  /// Looks up and prints `names`; those that are missing are shown as errors after the rest.
  func print(_ names: [String], _ invocation: Invocation, _ find: (String) throws -> JSON) throws -> ExitCode {
    var found: [JSON] = []
    let code = invocation.forEach(names) { name in
      let object = try find(name)
      guard let template else {
        found.append(object)
        return
      }
      invocation.output.line(try template.render(object))
    }
    guard template == nil else { return code }
    invocation.output.line(format == "json" ? JSON.array(found).text() : JSON.array(found).text(indent: 4))
    return code
  }
}

/// `inspect`: a container, an image or a network, whichever has the name.
enum InspectCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] NAME|ID [NAME|ID...]", "Return low-level information on containers, images and networks", .atLeast(1),
    completion: .containers)

  static var flags: [Flag<InspectOptions>] {
    [
      FormatOptions.objectFlag.on(\.output), InspectOptions.sizeFlag,
      .text("type", nil, "string", "Only inspect objects of the given type") { $0.type = try InspectOptions.type($1) }
        .completed(by: .words(InspectOptions.ObjectType.allCases.map(\.rawValue))),
    ]
  }

  static func run(_ options: InspectOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let printer = try ObjectPrinter(options.output.format)
    let engine = try invocation.engine()
    return try printer.print(operands, invocation) { name in
      switch options.type {
      case .container: return try engine.inspectContainer(name, size: options.size)
      case .image: return try engine.inspectImage(name)
      case .network: return try engine.inspectNetwork(name)
      case .volume: return try engine.inspectVolume(name).inspection
      case nil:
        if let container = try present({ try engine.inspectContainer(name, size: options.size) }) { return container }
        if let image = try present({ try engine.inspectImage(name) }) { return image }
        if let volume = try present({ try engine.inspectVolume(name).inspection }) { return volume }
        if let network = try present({ try engine.inspectNetwork(name) }) { return network }
        throw EngineError(.notFound, "inspecting \(name)", "No such object: \(name)")
      }
    }
  }

  /// The answer, nil when there is no such thing.
  private static func present(_ find: () throws -> JSON) throws -> JSON? {
    do {
      return try find()
    } catch let error as EngineError where error.kind == .notFound {
      return nil
    }
  }
}

/// `container inspect`.
enum ContainerInspectCommand: Command {
  static let words = CommandWords(
    "[OPTIONS] CONTAINER [CONTAINER...]", "Display detailed information on one or more containers", .atLeast(1),
    completion: .containers)

  static var flags: [Flag<InspectOptions>] { [FormatOptions.objectFlag.on(\.output), InspectOptions.sizeFlag] }

  static func run(_ options: InspectOptions, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    let engine = try invocation.engine()
    return try ObjectPrinter(options.output.format).print(operands, invocation) {
      try engine.inspectContainer($0, size: options.size)
    }
  }
}
