internal import Basics
internal import ContainerEngine
internal import Storage

/// `events`: what happened, and what happens.
enum EventsCommand: Command {
  static let words = CommandWords("[OPTIONS]", "Get real time events from the engine", .none)

  struct Options: CommandOptions {
    var request = EventRequest()
    var filter = FilterOptions()
    var output = FormatOptions()
  }

  static var flags: [Flag<Options>] {
    [
      FilterOptions.flag(short: "f").on(\.filter),
      .text("format", nil, "string", "Format output using a custom template: 'json' or a Go template") {
        $0.output.format = $1
      }.completed(by: .words(["json"])),
      .text("since", nil, "string", "Show all events created since timestamp") {
        $0.request.since = try TimeSyntax.moment($1)
      },
      .toggle("stream", nil, "Wait for the events that come") { $0.request.follows = $1 }.defaulting(to: "true"),
      .text("until", nil, "string", "Stream events until this timestamp") {
        $0.request.until = try TimeSyntax.moment($1)
      },
    ]
  }

  private static let filters = [
    "container", "daemon", "event", "image", "label", "label!", "network", "scope", "type", "volume",
  ]

  static func run(_ options: Options, _ operands: [String], _ invocation: Invocation) throws -> ExitCode {
    try options.filter.check(filters)
    let format = try ListFormat(options.output.format)
    var request = options.request
    // What has been is asked for when nothing is waited for.
    if !request.follows || request.until != nil, request.since == nil { request.since = Timestamp(seconds: 0) }
    try invocation.engine().readEvents(request) { events in
      for event in events where accepts(event, options.filter) {
        switch format {
        case .json: invocation.output.line(object(event).text(htmlSafe: true))
        case .template(let template), .tableTemplate(let template):
          invocation.output.line(safeLines(try template.render(fields(event)) { _, _ in nil }))
        case .table: invocation.output.line(line(event))
        }
      }
      try invocation.output.flush()
      return true
    }
    return .success
  }

  private static func accepts(_ event: Event, _ filter: FilterOptions) -> Bool {
    func one(_ key: String, _ test: (String) -> Bool) -> Bool {
      let values = filter.values(key)
      return values.isEmpty || values.contains(where: test)
    }
    let name = event.attributes.first { $0.0 == "name" }?.1
    return one("type") { $0 == event.type } && one("event") { isAction(event.action, $0) }
      && one("scope") { $0 == "local" }
      && one("container") { event.type == "container" && ($0 == name || (!$0.isEmpty && event.id.hasPrefix($0))) }
      && one("image") { image in
        event.type == "image"
          ? isImage(event.id, image) || name.map { isImage($0, image) } == true
          : event.attributes.contains { $0.0 == "image" && isImage($0.1, image) }
      } && one("volume") { _ in false } && one("network") { _ in false } && one("daemon") { _ in false }
      && filter.accepts(labels: event.attributes)
  }

  /// Those with details behind a colon (`health_status: healthy`, `exec_start: sh`) by their first word as well.
  private static func isAction(_ action: String, _ wanted: String) -> Bool {
    action == wanted || action.hasPrefix(wanted + ": ")
  }

  /// With a tag or without.
  private static func isImage(_ name: String, _ wanted: String) -> Bool {
    name == wanted || name.hasPrefix(wanted + ":") || name + ":latest" == wanted
  }

  private static func line(_ event: Event) -> String {
    let attributes = event.attributes.sorted { $0.0 < $1.0 }.map { "\($0.0)=\($0.1)" }.joined(separator: ", ")
    let text = "\(event.time.rfc3339Nine) \(event.type) \(event.action) \(event.id)"
    return safeText(attributes.isEmpty ? text : "\(text) (\(attributes))")
  }

  private static func actor(_ event: Event) -> JSON {
    var builder = JSONBuilder()
    builder.set("ID", event.id)
    builder.set("Attributes", JSON(event.attributes.sorted { $0.0 < $1.0 }.map { ($0.0, $0.1) }))
    return builder.json
  }

  /// docker's message.
  private static func object(_ event: Event) -> JSON {
    var builder = JSONBuilder()
    builder.set("status", event.action)
    builder.set("id", event.id)
    builder.set("from", event.attributes.first { $0.0 == "image" }?.1)
    builder.set("Type", event.type)
    builder.set("Action", event.action)
    builder.set("Actor", actor(event))
    builder.set("scope", "local")
    builder.set("time", event.time.seconds)
    builder.set("timeNano", event.time.nanoseconds)
    return builder.json
  }

  /// The same with the names that templates use.
  private static func fields(_ event: Event) -> JSON {
    var builder = JSONBuilder()
    builder.set("Status", event.action)
    builder.set("ID", event.id)
    builder.set("From", event.attributes.first { $0.0 == "image" }?.1 ?? "")
    builder.set("Type", event.type)
    builder.set("Action", event.action)
    builder.set("Actor", actor(event))
    builder.set("Scope", "local")
    builder.set("Time", event.time.seconds)
    builder.set("TimeNano", event.time.nanoseconds)
    return builder.json
  }
}
