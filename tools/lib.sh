# lib.sh -- functions that the scripts share: packages, build folders, compiling. A bash script
# sources it. It changes to the top folder of the repository.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"

# say TEXT: prints a line about the current step.
say() { printf '== %s\n' "$*" >&2; }

# packages_missing KIND...: prints the packages of those kinds that dpkg does not have.
packages_missing() {
  local kind package
  for kind in "$@"; do
    for package in $(awk -v kind="$kind" '$1 == kind { for (i = 2; i <= NF; i++) print $i }' tools/packages); do
      dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || printf '%s ' "$package"
    done
  done
}

# packages_need KIND...: installs the missing packages. If the user may not, prints the command and
# exits.
packages_need() {
  local missing sudo=
  if ! command -v dpkg-query >/dev/null; then
    say "this is not Debian: install the packages in tools/packages with your own package manager"
    return 0
  fi
  missing=$(packages_missing "$@")
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo=sudo; else
      printf 'Some packages are missing. Run this, then try again:\n\n  sudo apt-get install --no-install-recommends %s\n' "$missing" >&2
      exit 1
    fi
  fi
  say "installing $missing"
  $sudo apt-get update -qq </dev/null
  # shellcheck disable=SC2086 -- the list is meant to be split
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing </dev/null >"${TMPDIR:-/tmp}/kith-apt.log" 2>&1 ||
    { tail -n 20 "${TMPDIR:-/tmp}/kith-apt.log" >&2; say "apt-get failed: see above"; exit 1; }
}

# configure DIR MESON-OPTION...: sets up a build folder; sets it up again if its options have
# changed.
configure() {
  local dir=$1
  shift
  if [ ! -f "$dir/build.ninja" ] || [ "$(cat "$dir/.options" 2>/dev/null)" != "$*" ]; then
    rm -rf "$dir"
    mkdir -p build
    meson setup "$dir" "$@" >"build/setup.log" 2>&1 || { tail -n 30 build/setup.log >&2; exit 1; }
    echo "$*" >"$dir/.options"
  fi
}

# compile DIR: compiles the build folder. Prints nothing unless it fails.
compile() {
  ninja -C "$1" >"$1/ninja.log" 2>&1 || { grep -A 12 -E 'FAILED|error:' "$1/ninja.log" >&2 || tail -n 30 "$1/ninja.log" >&2; exit 1; }
}
