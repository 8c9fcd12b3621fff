# shellcheck shell=bash
# `./build.sh demo`: embeds and ranks product texts in Node, builds the catalog of a made-up shop, and serves the pages.

SHOP_PRODUCTS=10000

cmd_demo() {
  local once_only="" profile=quick binaries=() model="" port=() reranker=""
  while (($#)); do
    case $1 in
      --once) once_only=1 ;;
      --shipping) profile=shipping ;;
      --model)
        if [[ ${2-} == m3e-small ]]; then model=$2
        elif [[ -d ${2-} ]]; then model=$(cd "$2" && pwd)
        else die "--model takes a folder or m3e-small, and '${2-}' is neither"; fi
        shift ;;
      --reranker) [[ -d ${2-} ]] || die "--reranker takes a folder, and '${2-}' is none"; reranker=$(cd "$2" && pwd); shift ;;
      --port) [[ ${2-} =~ ^[0-9]{1,5}$ ]] && ((10#$2 <= 65535)) || die "--port takes a number up to 65535, not '${2-}'"; port=(--port "$2"); shift ;;
      *) die "demo takes --once, --shipping, --port N, --model DIR and --reranker DIR, not '$1'" ;;
    esac
    shift
  done
  need_rust; need_node
  [[ $profile == shipping ]] || binaries=("$(binary_for_node)")
  # The shop is searched; its catalog is built, and a page converts checkpoints. The demo in Node does none of it.
  [[ $profile == shipping || -n $once_only ]] || binaries+=(corom-search corom-index corom-convert)
  # An export may need the back end for graphs that are not recognized.
  [[ $profile == shipping || ! -d $model ]] || ! loads_as_is "$model" || binaries+=(corom-unfused)
  demo_plan "$profile" "$model" "$once_only"
  if [[ -z $model ]]; then
    model=pkg/models/nano
  elif [[ $model == m3e-small ]]; then
    model=models/m3e-small-int8
    m3e_small $model --dtype int8
  elif ! loads_as_is "$model"; then
    convert "$model" "models/${model##*/}-int8" --dtype int8
    model=models/${model##*/}-int8
  fi
  if [[ -n $reranker && ! -e $reranker/corom.json ]]; then
    convert "$reranker" "models/${reranker##*/}-int8" --dtype int8
    reranker=models/${reranker##*/}-int8
  fi
  build_package $profile "${binaries[@]}"
  step "demo in Node" node www/demo.mjs "$model"
  [[ -z $once_only ]] || return 0
  local shop=models/shop
  once "the shop's catalog" "$(hash_of "$model" ${reranker:+"$reranker"} examples/shop) $SHOP_PRODUCTS" \
    "$shop/catalog/evaluation.json" make_shop "$model" "$shop" ${reranker:+--reranker "$reranker"}
  node www/serve.mjs "$model" --catalog "$shop/catalog" ${reranker:+--reranker "$reranker"} "${port[@]}"
}

# make_shop MODEL FOLDER [--reranker DIR]: generates products and queries, embeds and indexes the products, and measures
# the search.
make_shop() {
  rm -rf "$2"
  # Other queries than those that nano was trained on.
  node examples/shop/generate.mjs "$2" --products $SHOP_PRODUCTS --query-seed 4242
  node pkg/bin/corom.js index build "$2/items.jsonl" "$2/catalog" --schema "$2/schema.json" --model "$1" --workers 2 --codes yes
  node examples/shop/evaluate.mjs "$2" "$2/catalog" "$1" "${@:3}"
  [[ $1 != pkg/models/nano ]] || printf "nano was trained on more than half of these queries; its README.md has others.\n"
}

# Prints the name of the binary that the package loads in this Node.
binary_for_node() {
  node --input-type=module -e 'import { hasRelaxedSimd } from "./pkg/lib/simd.js"; console.log(hasRelaxedSimd() ? "corom-relaxed" : "corom");'
}

# demo_plan PROFILE MODEL ONCE: prints the steps whose results do not exist yet, each with its time on two free cores.
demo_plan() {
  local rows=() row package="about 5 minutes" convert=""
  [[ $1 != shipping ]] || package="about 13 minutes: two binaries, optimized for size"
  if [[ -d $2 ]]; then
    loads_as_is "$2" || convert=1
  elif [[ -n $2 && ! -e models/m3e-small-int8/corom.json ]]; then
    convert=1
    [[ -e $CACHE/m3e-small ]] || rows+=("fetch the model m3e-small|a download of 89 MB")
  fi
  [[ -z $convert || -e target/converter/corom ]] || rows+=("compile the converter|about 3 minutes")
  compgen -G "$CACHE/web-rust-*/bin/rustc" >/dev/null || has_web_std ||
    rows+=("install Rust's WebAssembly target|about a minute, and a download of 140 MB from Debian or 20 MB by rustup")
  compgen -G "$CACHE/wasm-bindgen-*/bin/wasm-bindgen" >/dev/null || have wasm-bindgen ||
    rows+=("compile wasm-bindgen|about a minute")
  compgen -G "target/web/bound/$1/*" >/dev/null || rows+=("compile corom to WebAssembly|$package")
  [[ -n $3 || -e models/shop/catalog/evaluation.json ]] || rows+=("embed and index the shop's products|about 3 minutes")
  ((${#rows[@]})) || return 0
  printf 'These steps come first. The times are for two free cores; the results are kept.\n'
  for row in "${rows[@]}"; do printf '    %-35s %s\n' "${row%%|*}" "${row#*|}"; done
}
