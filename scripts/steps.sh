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

BESIDE='' BESIDE_LOG=''
# beside COMMAND…: starts a command in the background: a long crate keeps one core busy and leaves the others idle. Ends
# it if the script ends first.
beside() {
  BESIDE_LOG=$(mktemp)
  set -m # a process group of its own, which can be ended as a whole
  ("$@") >"$BESIDE_LOG" 2>&1 </dev/null &
  set +m
  BESIDE=$!
  trap 'kill -- "-$BESIDE" 2>/dev/null || true' EXIT
}

# join: waits for the command in the background, prints what it printed, and fails if it failed.
join() {
  local failed=0
  wait "$BESIDE" || failed=$?
  trap - EXIT
  cat "$BESIDE_LOG"
  rm -f "$BESIDE_LOG"
  ((failed == 0)) || die "a step in the background failed (exit $failed)"
}

# stamp_of NAME RESULT: prints the path of the file that holds the key of a step's last run.
stamp_of() {
  local stamps=$ROOT/target/stamps
  [[ $2 != "$CACHE"/* ]] || stamps=$CACHE/stamps # several checkouts may share one cache
  printf '%s' "$stamps/${1//[^a-zA-Z0-9]/-}"
}

# is_done NAME KEY RESULT: returns true if the file RESULT exists and the step made it with the same KEY.
is_done() {
  local stamp
  stamp=$(stamp_of "$1" "$3")
  [[ -e $3 && -f $stamp && $(<"$stamp") == "$2" ]]
}

# once NAME KEY RESULT COMMAND…: runs a step unless it is done.
once() {
  local name=$1 key=$2 result=$3 stamp
  shift 3
  if is_done "$name" "$key" "$result"; then
    printf '==> %s: done before\n' "$name"
    return
  fi
  stamp=$(stamp_of "$name" "$result")
  rm -f "$stamp"
  step "$name" "$@"
  [[ -e $result ]] || { CURRENT=$name; die "the step did not create $result"; }
  mkdir -p "${stamp%/*}"
  printf '%s' "$key" >"$stamp"
}

PROGRESS_INTERVAL_S=20
# with_progress COMMAND…: runs a cargo command and shows how many crates it has compiled. cargo draws its own bar on a
# terminal. Elsewhere, as in a log file, a line is printed every PROGRESS_INTERVAL_S seconds.
with_progress() {
  if [[ -t 2 ]]; then "$@"; return; fi
  {
    CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=100 CARGO_TERM_COLOR=never "$@" 2>&1 >&3 3>&- |
      lines_and_ticks | print_progress >&2 3>&-
  } 3>&1
}

# Copies cargo's messages line by line, and adds an empty line per second: cargo is silent while a long crate compiles.
lines_and_ticks() {
  local ticker
  while sleep 1 >/dev/null; do echo; done &
  ticker=$!
  stdbuf -oL tr '\r' '\n'
  kill "$ticker"
  wait "$ticker" 2>/dev/null || true
}

# Prints cargo's warnings and errors as they are, and counts crates in the lines that redraw cargo's bar.
print_progress() {
  local line compiled=0 total=0 crates="" start=$SECONDS next=$((SECONDS + PROGRESS_INTERVAL_S))
  local bar='^ +Building \[.*\] +([0-9]+)/([0-9]+): +(.*[^ ]) *$'
  local verbs='^ +(Adding|Blocking|Building|Compiling|Downloaded|Downloading|Fetch|Finished|Fresh|Installed|Installing|Locking|Replaced|Replacing|Running|Updating) '
  while IFS= read -r line; do
    if [[ $line =~ $bar ]]; then compiled=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]} crates=${BASH_REMATCH[3]}
    elif [[ -n $line && ! $line =~ $verbs ]]; then printf '%s\n' "$line"; fi
    if ((SECONDS >= next && total > 0)); then
      note "$compiled of $total crates after $((SECONDS - start)) s; compiling $crates"
      next=$((SECONDS + PROGRESS_INTERVAL_S))
    fi
  done
}

# hash_of PATH… [TEST…]: prints one hash of the files in these paths that pass find's TESTs. Keys use it.
hash_of() { find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16; }
# locked CRATE: prints the crate's version in Cargo.lock.
locked() { awk -v name="name = \"$1\"" '$0 == name { getline; gsub(/[^0-9.]/, ""); print; exit }' Cargo.lock; }
