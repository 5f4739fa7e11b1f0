internal import Basics

extension RunDevice {
  /// `name[,required]`, `name=name,required=true`; a name of CDI may have an equals sign itself.
  init(parsing text: String) throws(BuildDiagnostic) {
    name = ""
    required = false
    for field in try OptionFields(parsing: text, flag: "device").fields {
      switch field.key {
      case "required":
        guard let value = goBool(field.value ?? "true") else {
          throw BuildDiagnostic("invalid value for required: \(safeText(field.value ?? ""))", word: field.text)
        }
        required = value
      case "name" where field.value != nil:
        guard name.isEmpty else {
          throw BuildDiagnostic("device name already set to \(safeText(name))", word: field.text)
        }
        name = field.value ?? ""
      case _ where name.isEmpty: name = field.text
      default:
        throw BuildDiagnostic(
          "unexpected key '\(safeText(field.key))' in '\(safeText(field.text))'",
          hint: nearest(to: field.key, among: ["name", "required"]).map { "did you mean \($0)?" }, word: field.text)
      }
    }
  }
}
