# shellcheck shell=bash
# `./build.sh fuzz`: runs the fuzz targets in fuzz/, each from seeds that are made of the tests' fixtures.

FUZZ_TARGETS=(onnx pickle manifest tokenizer side_files catalog search_request)

cmd_fuzz() {
  local seconds=60 targets=() target
  while (($#)); do
    case $1 in
      --seconds) [[ ${2-} =~ ^[1-9][0-9]{0,5}$ ]] || die "--seconds: '${2-}' is not a number from 1 to 999999"; seconds=$2; shift ;;
      -*) die "fuzz takes --seconds N and names of targets, not '$1'" ;;
      *) [[ " ${FUZZ_TARGETS[*]} " == *" $1 "* ]] || die "unknown target '$1'; the targets are: ${FUZZ_TARGETS[*]}"; targets+=("$1") ;;
    esac
    shift
  done
  ((${#targets[@]})) || targets=("${FUZZ_TARGETS[@]}")
  need_rust; have c++ || have g++ || die "libFuzzer needs a C++ compiler (Debian: g++)"
  step "compile the fuzz targets" env RUSTC_WORKSPACE_WRAPPER="$ROOT/fuzz/instrument.sh" \
    cargo build --quiet --locked -p corom-fuzz "${targets[@]/#/--bin=}"
  for target in "${targets[@]}"; do
    step "fuzz $target for $seconds s" fuzz_one "$target" "$seconds"
  done
}

# fuzz_one TARGET SECONDS. The corpus grows in target/fuzz/corpus and is kept for the next run; an input that crashes, hangs
# or takes too much memory is written to target/fuzz/artifacts and fails the run.
fuzz_one() {
  local target=$1 work=target/fuzz dictionary=()
  mkdir -p "$work/corpus/$target" "$work/artifacts"
  rm -rf "$work/seeds/$target"
  COROM_SEEDS=$work/seeds/$target "target/debug/$target"
  [[ ! -f fuzz/dictionaries/$target.dict ]] || dictionary=(-dict="fuzz/dictionaries/$target.dict")
  # The main thread runs the inputs: it gets the stack of a WebAssembly instance, 1 MiB.
  (
    ulimit -s 1024
    exec "target/debug/$target" -max_total_time="$2" -timeout=20 -rss_limit_mb=2048 -max_len=1000000 \
      -artifact_prefix="$work/artifacts/$target-" -print_final_stats=1 "${dictionary[@]}" \
      "$work/corpus/$target" "$work/seeds/$target"
  ) >"$work/$target.log" 2>&1 || { tail -n 40 "$work/$target.log"; die "$target: the input is in $work/artifacts; run it again with: target/debug/$target INPUT"; }
  tail -n 12 "$work/$target.log"
}
