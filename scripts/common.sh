# Shared by the scripts beside it: `. scripts/common.sh`. POSIX sh, no side effects but the variables it sets.

# Says why and ends, as the program itself would: the thing, the cause, the way out.
die() {
  echo "$(basename "$0"): $1" >&2
  [ -z "${2:-}" ] || echo "hint: $2" >&2
  exit 1
}

# Runs a command as root: directly, or through sudo. $1 says what for, shown if neither is possible.
as_root() {
  purpose=$1
  shift
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    die "$purpose needs root, and sudo is not installed" "as root: $*"
  fi
}

# Puts the directory of the Swift toolchain on PATH, or ends with one sentence.
find_swift() {
  if ! command -v swift >/dev/null 2>&1; then
    for directory in /opt/swift/usr/bin "$HOME/.local/share/swiftly/bin" /usr/local/swift/usr/bin; do
      if [ -x "$directory/swift" ]; then
        PATH=$directory:$PATH
        export PATH
        break
      fi
    done
  fi
  command -v swift >/dev/null 2>&1 ||
    die "there is no Swift toolchain on PATH or in /opt/swift/usr/bin" \
      "unpack Swift 6.3 for Debian 12 from https://www.swift.org/install/linux/ into /opt/swift"
}
