import Basics
import Commands
import Testing

@Suite struct GoTemplateTests {
  /// One template with what docker 28.2.2 printed for it over Goldens/template-container.json.
  struct Case: CustomTestStringConvertible, Sendable {
    var template: String
    var output: String?
    var error: String?
    var testDescription: String { template }
  }

  static let container: JSON? = try? JSON(parsing: Golden.read("Tests/CommandsTests/Goldens/template-container.json"))

  /// Lines `T template`, `O output`, `E error`.
  static let cases: [Case] = {
    var cases: [Case] = []
    // An unreadable golden leaves no case, which the count below reports.
    for line in ((try? Golden.read("Tests/CommandsTests/Goldens/templates.txt")) ?? "").split(separator: "\n") {
      let rest = String(line.dropFirst(2))
      switch line.first {
      case "T": cases.append(Case(template: rest))
      case "O": cases[cases.count - 1].output = (cases[cases.count - 1].output.map { $0 + "\n" } ?? "") + rest
      case "E": cases[cases.count - 1].error = rest
      default: break
      }
    }
    return cases
  }()

  @Test func `docker's goldens are there`() { #expect(Self.cases.count >= 80) }

  @Test(arguments: cases) func `a template renders as docker renders it`(_ golden: Case) throws {
    let container = try #require(Self.container)
    if let error = golden.error {
      let thrown = #expect(throws: EngineError.self) { try GoTemplate(golden.template).render(container) }
      #expect(thrown.map { "\($0.doing): \($0.reason)" } == error)
    } else {
      #expect(try GoTemplate(golden.template).render(container) == golden.output)
    }
  }

  @Test(arguments: [
    "{{define \"x\"}}{{end}}", "{{template \"x\"}}", "{{block \"x\" .}}{{end}}",
    String(repeating: "{{if .}}", count: 100) + String(repeating: "{{end}}", count: 100),
    "{{" + String(repeating: "(", count: 200) + "1" + String(repeating: ")", count: 200) + "}}",
    String(repeating: "x", count: 70_000),
    "{{range 5000000}}{{range 5000000}}{{end}}{{end}}",
    "{{range 300000}}{{printf \"%1000d\" 1}}{{end}}",
    "{{", "{{.", "{{\"", "{{(}}", "{{)}}", "{{|}}", "{{.A..B}}", "{{$}}{{$x", "{{printf}}", "{{index}}", "{{slice}}",
    "{{eq}}", "{{pad}}", "{{/*", "{{range}}", "{{else if}}", "{{0x}}", "{{1e}}", "{{\"\\q\"}}", "{{\"\\ud800\"}}",
  ])
  func `a hostile template is refused and costs little`(_ template: String) {
    #expect(throws: EngineError.self) { try GoTemplate(template).render(["A": "x"]) }
  }
}
