# shellcheck shell=bash
# Checks that the tools that a command needs are installed and recent enough. Installs Debian packages where allowed.

have() { command -v "$1" >/dev/null 2>&1; }
# need TOOL HELP: fails with HELP if the tool is missing.
need() { have "$1" || die "'$1' is missing: $2"; }
# at_least FOUND MINIMUM: returns true if the first two numbers of FOUND are not below those of MINIMUM.
at_least() {
  local found minimum
  IFS=. read -r -a found <<<"${1%%[^0-9.]*}"
  IFS=. read -r -a minimum <<<"$2.0"
  ((10#${found[0]:-0} * 1000 + 10#${found[1]:-0} >= 10#${minimum[0]} * 1000 + 10#${minimum[1]}))
}
# need_at_least NAME FOUND MINIMUM HELP: fails with HELP if the version FOUND is below MINIMUM.
need_at_least() { at_least "$2" "$3" || die "$1 is ${2:-of an unknown version} here, and $3 or later is needed: $4"; }
rust_minimum() { sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml; }
need_rust() {
  local minimum help version
  minimum=$(rust_minimum)
  help="install Rust $minimum or later, for instance with rustup (https://rustup.rs)"
  need cargo "$help"; need rustc "$help"
  version=$(rustc --version | cut -d' ' -f2) || die "rustc does not run (its message is above): $help"
  need_at_least rustc "$version" "$minimum" "$help"
}
need_node() {
  local help="install Node.js 20 or later (https://nodejs.org)" version
  need node "$help"
  version=$(node --version) || die "node does not run (its message is above): $help"
  need_at_least Node.js "${version#v}" 20 "$help"
}

# apt_version PACKAGE: prints the version that Debian's package lists offer, or nothing.
apt_version() { apt-cache policy "$1" 2>/dev/null | awk '/Candidate:/ && $2 != "(none)" { print $2 }'; }
# apt_offers PACKAGE [MINIMUM]: returns true if the lists have the package, in version MINIMUM or later.
apt_offers() {
  local version
  version=$(apt_version "$1")
  [[ -n $version ]] && at_least "$version" "${2:-0}"
}
# apt_has PACKAGE [MINIMUM]: does the same, and fetches the lists if the first answer is no. Images often come without
# lists, or with old ones.
apt_has() {
  have apt-get || return 1
  apt_offers "$@" && return
  ((EUID == 0)) || die "the package lists are missing or old: run 'apt-get update' as root, then this command again"
  apt-get update -qq >&2
  apt_offers "$@"
}
# apt_get ARGUMENTS…: runs apt-get. Retries once with fresh lists, because old lists name packages that no longer exist.
apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" && return
  ((EUID == 0)) && note "retrying with fresh package lists" && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get -qq "$@"
}
apt_install() {
  apt_has "$1" || die "Debian's lists have no package '$1'; install $1 yourself"
  ((EUID == 0)) || die "'$1' is missing: run 'apt-get install $1' as root, then this command again"
  apt_get install -y --no-install-recommends "$1" >/dev/null || die "apt-get could not install '$1' (its message is above)"
}
