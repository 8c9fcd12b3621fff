# shellcheck shell=bash
# `./build.sh demo`: embeds and ranks product texts in Node, then serves the demo page.

cmd_demo() {
  local once_only="" profile=shipping model="" port=()
  while (($#)); do
    case $1 in
      --once) once_only=1 ;;
      --fast) profile=wasm-test ;;
      --model) [[ -d ${2-} ]] || die "--model takes a folder, and '${2-}' is none"; model=$(cd "$2" && pwd); shift ;;
      --port) [[ ${2-} =~ ^[0-9]{1,5}$ ]] && ((10#$2 <= 65535)) || die "--port takes a number up to 65535, not '${2-}'"; port=(--port "$2"); shift ;;
      *) die "demo takes --once, --fast, --port N and --model DIR, not '$1'" ;;
    esac
    shift
  done
  need_rust; need_node
  if [[ -z $model ]]; then
    m3e_small; model=$ROOT/models/m3e-small
  elif ! loads_as_is "$model"; then
    convert "$model" "models/${model##*/}"; model=$ROOT/models/${model##*/}
  fi
  build_package $profile
  step "demo in Node" node www/demo.mjs "$model"
  [[ -n $once_only ]] || node www/serve.mjs "$model" "${port[@]}"
}
