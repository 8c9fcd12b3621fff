# shellcheck shell=bash
# `./build.sh demo`: embeds and ranks product texts in Node, then serves the demo page.

cmd_demo() {
  local once_only="" profile=quick binaries=() model="" port=()
  while (($#)); do
    case $1 in
      --once) once_only=1 ;;
      --shipping) profile=shipping ;;
      --model) [[ -d ${2-} ]] || die "--model takes a folder, and '${2-}' is none"; model=$(cd "$2" && pwd); shift ;;
      --port) [[ ${2-} =~ ^[0-9]{1,5}$ ]] && ((10#$2 <= 65535)) || die "--port takes a number up to 65535, not '${2-}'"; port=(--port "$2"); shift ;;
      *) die "demo takes --once, --shipping, --port N and --model DIR, not '$1'" ;;
    esac
    shift
  done
  need_rust; need_node
  [[ $profile == shipping ]] || binaries=("$(binary_for_node)")
  demo_plan "$profile" "$model"
  if [[ -z $model ]]; then
    model=models/m3e-small-int8
    m3e_small $model --dtype int8
  elif ! loads_as_is "$model"; then
    convert "$model" "models/${model##*/}-int8" --dtype int8
    model=models/${model##*/}-int8
  fi
  build_package $profile "${binaries[@]}"
  step "demo in Node" node www/demo.mjs "$model"
  [[ -n $once_only ]] || node www/serve.mjs "$model" "${port[@]}"
}

# Prints the name of the binary that the package loads in this Node.
binary_for_node() {
  node --input-type=module -e 'import { hasRelaxedSimd } from "./pkg/lib/simd.js"; console.log(hasRelaxedSimd() ? "corom-relaxed" : "corom");'
}

# demo_plan PROFILE MODEL: prints the steps whose results do not exist yet, each with its time on two free cores.
demo_plan() {
  local rows=() row compile="about 5 minutes"
  [[ $1 != shipping ]] || compile="about 13 minutes: optimized for size, two binaries"
  compgen -G "$CACHE/web-rust-*/bin/rustc" >/dev/null || has_web_std ||
    rows+=("Rust's WebAssembly target|1 to 2 minutes, a download of 130 MB from Debian or 20 MB by rustup")
  compgen -G "$CACHE/wasm-bindgen-*/bin/wasm-bindgen" >/dev/null || have wasm-bindgen ||
    rows+=("wasm-bindgen|about 2 minutes")
  if [[ -z $2 && ! -e models/m3e-small-int8/corom.json ]]; then
    [[ -e $CACHE/m3e-small ]] || rows+=("the model m3e-small|a download of 89 MB")
    [[ -e target/debug/corom ]] || rows+=("the converter, then int8 weights|about 2 minutes")
  fi
  compgen -G "target/web/bound/$1/*" >/dev/null || rows+=("the WebAssembly package|$compile")
  ((${#rows[@]})) || return 0
  printf 'The demo needs these steps first (times on two free cores; each result is kept):\n'
  for row in "${rows[@]}"; do printf '    %-34s %s\n' "${row%%|*}" "${row#*|}"; done
}
