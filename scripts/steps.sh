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

PROGRESS_INTERVAL_S=20
# with_progress COMMAND…: runs a cargo command and shows how many crates it has compiled. cargo draws its own bar on a
# terminal. Elsewhere, as in a log file, a line is printed every PROGRESS_INTERVAL_S seconds.
with_progress() {
  if [[ -t 2 ]]; then "$@"; return; fi
  {
    CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=100 CARGO_TERM_COLOR=never "$@" 2>&1 >&3 3>&- |
      stdbuf -o0 tr '\r' '\n' | print_progress >&2 3>&-
  } 3>&1
}

# Reads cargo's messages and prints warnings and errors as they are. Counts crates in the lines that redraw the bar.
print_progress() {
  local line="" part compiled=0 total=0 crates="" start=$SECONDS next=$((SECONDS + PROGRESS_INTERVAL_S)) ended=""
  local bar='^ +Building \[.*\] +([0-9]+)/([0-9]+): +(.*[^ ]) *$'
  local verbs='^ +(Blocking|Building|Compiling|Downloaded|Downloading|Finished|Fresh|Installed|Installing|Locking|Replaced|Replacing|Running|Updating) '
  while [[ -z $ended ]]; do
    if IFS= read -r -t 1 part; then
      line+=$part
      if [[ $line =~ $bar ]]; then compiled=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]} crates=${BASH_REMATCH[3]}
      elif [[ -n $line && ! $line =~ $verbs ]]; then printf '%s\n' "$line"; fi
      line=""
    elif (($? > 128)); then line+=$part # no complete line within the second
    else ended=1; [[ -z $line$part ]] || printf '%s\n' "$line$part"; fi
    if ((SECONDS >= next && total > 0)) && [[ -z $ended ]]; then
      note "$compiled of $total crates after $((SECONDS - start)) s; compiling $crates"
      next=$((SECONDS + PROGRESS_INTERVAL_S))
    fi
  done
}

# hash_of PATH… [TEST…]: prints one hash of the files in these paths that pass find's TESTs. Keys use it.
hash_of() { find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16; }
# locked CRATE: prints the crate's version in Cargo.lock.
locked() { awk -v name="name = \"$1\"" '$0 == name { getline; gsub(/[^0-9.]/, ""); print; exit }' Cargo.lock; }
