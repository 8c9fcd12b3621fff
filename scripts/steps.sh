# shellcheck shell=bash
# Runs the steps of a command: names each step, times it, and skips it if its result exists already.

CURRENT="starting" status=0
bold() { if [[ -t 1 ]]; then printf '\033[1m%s\033[0m\n' "$1"; else printf '%s\n' "$1"; fi; }
note() { printf '    %s\n' "$*"; }
die() { printf '\nbuild.sh: %s: %s\n' "$CURRENT" "$*" >&2; trap - ERR; exit 1; }
trap 'status=$?; ((BASH_SUBSHELL)) || printf "\nbuild.sh: failed at: %s (exit %s)\n" "$CURRENT" "$status" >&2; exit $status' ERR

# step NAME COMMAND…: runs the command and prints how long it took.
step() {
  local name=$1 outer=$CURRENT start=$SECONDS
  shift
  CURRENT=$name
  bold "==> $name"
  "$@"
  printf '    %s: %d s\n' "$name" $((SECONDS - start))
  CURRENT=$outer
}

# once NAME KEY RESULT COMMAND…: runs a step unless the file RESULT exists and was made with the same KEY.
once() {
  local name=$1 key=$2 result=$3 stamps=$ROOT/target/stamps
  shift 3
  [[ $result != "$CACHE"/* ]] || stamps=$CACHE/stamps # several checkouts may share one cache
  local stamp=$stamps/${name//[^a-zA-Z0-9]/-}
  if [[ -e $result && -f $stamp && $(<"$stamp") == "$key" ]]; then
    printf '==> %s: done before\n' "$name"
    return
  fi
  rm -f "$stamp"
  step "$name" "$@"
  [[ -e $result ]] || { CURRENT=$name; die "the step did not create $result"; }
  mkdir -p "$stamps"
  printf '%s' "$key" >"$stamp"
}

# hash_of PATH… [TEST…]: prints one hash of the files in these paths that pass find's TESTs. Keys use it.
hash_of() { find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16; }
# locked CRATE: prints the crate's version in Cargo.lock.
locked() { awk -v name="name = \"$1\"" '$0 == name { getline; gsub(/[^0-9.]/, ""); print; exit }' Cargo.lock; }
