internal import Basics

/// The completion script of bash, static and offline; only names of containers and images come from a call of the
/// program's `__complete`, which lists names and takes no lock.
enum BashCompletion {
  static var script: String {
    """
    # bash completion of dhow, written by `make docs` from the flag table; do not edit.

    __dhow_verbs() {
      case "$1" in
    \(table(CompletionModel.nouns.map { ($0.path, $0.verbs.joined(separator: " ")) }))
      esac
    }

    __dhow_flags() {
      case "$1" in
    \(table(CompletionModel.verbs.map { ($0.path, $0.words.joined(separator: " ")) }))
      esac
    }

    # Flags that take the following word.
    __dhow_valued() {
      case "$1" in
    \(table(CompletionModel.verbs.map { ($0.path, $0.valued.joined(separator: " ")) }))
      esac
    }

    # What completes a flag's value, or the operands when the flag is empty.
    __dhow_values() {
      case "$1 $2" in
    \(values)
      esac
    }

    __dhow_offer() {
      local kind=$1 cur=$2
      case $kind in
        files) COMPREPLY=($(compgen -f -- "$cur")) ;;
        directories) COMPREPLY=($(compgen -d -- "$cur")) ;;
        words:*) COMPREPLY=($(compgen -W "${kind#words:}" -- "$cur")) ;;
        names:*) COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" __complete "${kind#names:}" 2>/dev/null)" -- "$cur")) ;;
      esac
    }

    __dhow_complete() {
      local cur=${COMP_WORDS[COMP_CWORD]} path= flag= index=1 word operands=0
      COMPREPLY=()
      while ((index < COMP_CWORD)); do
        word=${COMP_WORDS[index]}
        if [[ -n $flag ]]; then
          flag=
        elif [[ $word == -* ]]; then
          [[ " $(__dhow_valued "$path") " == *" $word "* ]] && flag=$word
        elif [[ -z $path || -n $(__dhow_verbs "$path") ]]; then
          path=${path:+$path }$word
        else
          operands=$((operands + 1))
        fi
        index=$((index + 1))
      done
      if [[ -n $flag ]]; then
        __dhow_offer "$(__dhow_values "$path" "$flag")" "$cur"
      elif [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$(__dhow_flags "$path") --help" -- "$cur"))
      elif [[ -n $(__dhow_verbs "$path") ]]; then
        COMPREPLY=($(compgen -W "$(__dhow_verbs "$path")" -- "$cur"))
      elif [[ " \(CompletionModel.firstOnly.joined(separator: " ; ")) " == *" $path "* && $operands -gt 0 ]]; then
        COMPREPLY=($(compgen -f -- "$cur"))
      else
        __dhow_offer "$(__dhow_values "$path" "")" "$cur"
      fi
    }

    complete -o default -F __dhow_complete dhow

    """
  }

  private static func table(_ rows: [(String, String)]) -> String {
    rows.filter { !$0.1.isEmpty }.map { "    \"\($0.0)\") echo \"\($0.1)\" ;;" }.joined(separator: "\n")
  }

  private static var values: String {
    var groups: [(kind: String, patterns: [String])] = []
    func add(_ pattern: String, _ completion: Completion) {
      guard let kind = kind(completion) else { return }
      if let index = groups.firstIndex(where: { $0.kind == kind }) {
        groups[index].patterns.append(pattern)
      } else {
        groups.append((kind, [pattern]))
      }
    }
    for verb in CompletionModel.verbs {
      for flag in verb.flags where flag.takesValue {
        for name in CompletionModel.names(flag) { add("\"\(verb.path) \(name)\"", flag.completion) }
      }
      add("\"\(verb.path) \"", verb.operands)
    }
    return groups.map { "    " + $0.patterns.joined(separator: " | ") + ") echo \"\($0.kind)\" ;;" }
      .joined(separator: "\n")
  }

  private static func kind(_ completion: Completion) -> String? {
    switch completion {
    case .none: nil
    case .files: "files"
    case .directories: "directories"
    case .words(let words): "words:" + words.joined(separator: " ")
    case .capabilities: kind(.words(["ALL"] + CapabilityName.short))
    case .containers: "names:containers"
    case .runningContainers: "names:running"
    case .images: "names:images"
    case .networks: "names:networks"
    case .volumes: "names:volumes"
    }
  }
}
