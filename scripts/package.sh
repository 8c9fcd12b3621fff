# shellcheck shell=bash
# Builds the npm package's generated part, pkg/wasm: two WebAssembly binaries and the glue code.

# The maximum sizes of the shipped files in KiB (1 KiB = 1024 bytes). No other file repeats them.
BUDGET_WASM_KIB=7400       # corom.wasm and corom-relaxed.wasm each
BUDGET_WASM_GZIP_KIB=2200  # the same files, compressed with gzip -9
BUDGET_GLUE_GZIP_KIB=12    # corom.js, the glue code from wasm-bindgen

cmd_build() {
  need_rust; need_node
  case ${1-} in
    "") build_package shipping ;;
    --test-profile) build_package wasm-test ;;
    *) die "build takes --test-profile or nothing, not '$1'" ;;
  esac
  note "the npm package is in pkg/"
}

# build_package PROFILE: builds both binaries with cargo's profile PROFILE.
build_package() {
  local profile=$1
  web_toolchain
  bindgen_tool
  once "wasm binaries" "$profile $(locked wasm-bindgen) $("${WEB_RUSTC:-rustc}" --version) $(hash_of src .cargo Cargo.toml Cargo.lock pkg/glue.mjs -not -path "src/bin/*")" \
    pkg/wasm/corom-relaxed.wasm build_binaries "$profile"
  print_sizes "$profile"
}

build_binaries() {
  local profile=$1 variant built=target/web/$WEB_TARGET/$1/corom.wasm
  for variant in corom corom-relaxed; do
    local features=() strip=()
    [[ $variant == corom ]] || features=(--features relaxed-simd)
    [[ $profile != shipping ]] || strip=(--remove-name-section --remove-producers-section)
    # cargo writes both variants to the same file, and would take one for the other.
    rm -f "$built" "${built%/*}/deps/corom.wasm"
    step "compile $variant.wasm ($profile)" web_cargo rustc --profile "$profile" --lib --crate-type cdylib "${features[@]}"
    step "bind $variant.wasm" "$BINDGEN" --target web --omit-default-module-path "${strip[@]}" \
      --out-dir "target/web/$variant" --out-name corom "$built"
  done
  cmp target/web/corom/corom.js target/web/corom-relaxed/corom.js ||
    die "the two binaries need different glue code: the feature relaxed-simd must not change what is exported"
  rm -rf pkg/wasm && mkdir -p pkg/wasm
  node pkg/glue.mjs target/web/corom/corom.js pkg/wasm/corom.js
  cp target/web/corom/corom.d.ts pkg/wasm/
  cp target/web/corom/corom_bg.wasm pkg/wasm/corom.wasm
  cp target/web/corom-relaxed/corom_bg.wasm pkg/wasm/corom-relaxed.wasm
}

# print_sizes PROFILE: prints raw and gzip sizes. Fails if a file of the shipping profile exceeds its budget.
print_sizes() {
  local file raw gz over=() max_raw max_gz
  for file in pkg/wasm/corom.wasm pkg/wasm/corom-relaxed.wasm pkg/wasm/corom.js; do
    raw=$((($(wc -c <"$file") + 1023) / 1024)) gz=$((($(gzip -9c "$file" | wc -c) + 1023) / 1024))
    printf '    %-28s %6d KiB %6d KiB gzip\n' "$file" $raw $gz
    max_raw=$BUDGET_WASM_KIB max_gz=$BUDGET_WASM_GZIP_KIB
    [[ $file != *.js ]] || max_raw=$raw max_gz=$BUDGET_GLUE_GZIP_KIB
    ((raw <= max_raw && gz <= max_gz)) || over+=("$file: $raw KiB of $max_raw, gzip $gz KiB of $max_gz")
  done
  [[ $1 == shipping ]] || { note "(profile $1: larger and slower than what ships)"; return; }
  ((${#over[@]} == 0)) || die "over the budget at the top of scripts/package.sh: ${over[*]}"
}
