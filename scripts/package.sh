# shellcheck shell=bash
# Builds the generated part of the npm package, pkg/wasm: the WebAssembly binaries and their glue code.

# The binaries. The first two are the same crate with other kernels; a page fetches one of them. corom-unfused adds the
# back end for graphs that are not recognized (feature `unfused`), and is fetched for such a graph only. corom-convert has
# the converter, with glue code of its own; only a conversion loads it. corom-search has search over catalogs and no encoder;
# corom-index adds the builder of catalogs, for `npx corom index`. corom-gpu is corom and the GPU back end, with glue code
# of its own; it is fetched only where there is a GPU. Its kernels are corom's, because the CPU only tokenizes there.
BINARIES=(corom corom-relaxed corom-unfused corom-gpu corom-convert corom-search corom-index)
# The binaries that import and export other functions than corom, and so have glue code of their own.
OWN_GLUE=" corom-gpu corom-convert corom-search corom-index "

# The maximum sizes of the shipped files in KiB (1 KiB = 1024 bytes). No other file repeats them.
BUDGET_WASM_KIB=3400          # corom.wasm and corom-relaxed.wasm each
BUDGET_WASM_GZIP_KIB=1220     # the same files, compressed with gzip -9
BUDGET_UNFUSED_KIB=8100       # corom-unfused.wasm, which only graphs that are not recognized load
BUDGET_UNFUSED_GZIP_KIB=2500  # the same file, compressed
BUDGET_GLUE_GZIP_KIB=12       # corom.js, the glue code from wasm-bindgen; corom-convert.js, corom-search.js, corom-index.js
BUDGET_GPU_GZIP_KIB=1200      # corom-gpu.wasm, compressed
BUDGET_GPU_MORE_GZIP_KIB=120  # the same file, compressed, more than corom.wasm
BUDGET_GPU_KIB=3200           # the same file, not compressed
BUDGET_GPU_GLUE_GZIP_KIB=20   # corom-gpu.js
BUDGET_CONVERT_KIB=4900       # corom-convert.wasm, which only a conversion loads
BUDGET_CONVERT_GZIP_KIB=1720  # the same file, compressed
BUDGET_SEARCH_KIB=370         # corom-search.wasm, which only a search loads
BUDGET_SEARCH_GZIP_KIB=150    # the same file, compressed
BUDGET_INDEX_KIB=1450         # corom-index.wasm, which only `npx corom index` loads
BUDGET_INDEX_GZIP_KIB=520     # the same file, compressed

cmd_build() {
  need_rust; need_node
  case ${1-} in
    "") build_package shipping ;;
    --test-profile) build_package quick ;;
    *) die "build takes --test-profile or nothing, not '$1'" ;;
  esac
  note "the npm package is in pkg/"
}

# build_package PROFILE [BINARY…]: builds all binaries, or those named, with cargo's profile. A binary that is not named
# stays in the package if it is up to date.
build_package() {
  local profile=$1 binary wanted=" ${*:2} " key built args binaries=()
  [[ $wanted != "  " ]] || wanted=" ${BINARIES[*]} "
  web_toolchain
  bindgen_tool
  for binary in "${BINARIES[@]}"; do
    key=$(binary_key $binary)
    built=target/web/bound/$profile/$binary/corom_bg.wasm
    args=("$binary.wasm ($profile)" "$key" "$built")
    [[ $wanted != *" $binary "* ]] || once "${args[@]}" build_binary "$profile" "$binary"
    ! is_done "${args[@]}" || binaries+=("$binary")
  done
  assemble_package "$profile" "${binaries[@]}"
  print_sizes "$profile"
}

# binary_key BINARY: prints the key of a binary's sources. The command and the evaluation are in none, the GPU back end only
# in corom-gpu, the converter only in corom-convert, search only in corom-search and corom-index, the builder of catalogs
# only in corom-index.
binary_key() {
  local left_out=(-not -path "src/bin/*" -not -path "src/eval/*")
  [[ $1 == corom-gpu ]] || left_out+=(-not -path "src/encoder/gpu/*" -not -path src/wasm/gpu.rs)
  [[ $1 == corom-index ]] || left_out+=(-not -path "src/index_build/*" -not -path src/wasm/catalog_builder.rs)
  [[ $1 == corom-search || $1 == corom-index ]] || left_out+=(-not -path "src/index/*" -not -path "src/wasm/catalog*.rs")
  [[ $1 == corom-convert ]] || left_out+=(-not -path "src/convert/*" -not -path src/wasm/converter.rs)
  printf '%s' "$(locked wasm-bindgen) $("${WEB_RUSTC:-rustc}" --version) $(hash_of src .cargo Cargo.toml Cargo.lock "${left_out[@]}")"
}

build_binary() {
  local profile=$1 binary=$2 features=(--no-default-features --features embed) strip=() last=() built=target/web/$WEB_TARGET/$1/corom.wasm
  case $binary in
    corom-search) features=(--no-default-features --features search) ;;
    corom-index) features=(--no-default-features --features index) ;;
    corom-relaxed) features+=(--features relaxed-simd) ;;
    corom-unfused) features+=(--features unfused) ;;
    corom-gpu) features+=(--features gpu) ;;
    corom-convert) features+=(--features convert) ;;
  esac
  # The tests convert small models and build small catalogs, tract runs unfused graphs, and the CPU computes little beside
  # a GPU, so the crate is compiled quickly for these four. All dependencies are shared.
  [[ $profile != quick || $binary != @(corom-convert|corom-gpu|corom-unfused|corom-index) ]] || features+=(
    --config 'profile.quick.package.corom.opt-level=1' --config 'profile.quick.package.corom.codegen-units=16'
  )
  # LLVM's default, 225, makes the search binary a fifth larger and no faster, and opt-level 2 a tenth:
  # docs/internals/binary-size.md.
  case $profile-$binary in
    shipping-corom-search)
      features+=(--config 'profile.shipping.package.corom.opt-level="s"')
      last=(-- -C "llvm-args=-inline-threshold=5") ;;
    shipping-corom-index | shipping-corom-gpu) last=(-- -C "llvm-args=-inline-threshold=60") ;;
  esac
  [[ $profile != shipping ]] || strip=(--remove-name-section --remove-producers-section)
  # cargo writes all binaries to the same file, and would take one for the other.
  rm -f "$built" "${built%/*}/deps/corom.wasm"
  with_progress web_cargo rustc --profile "$profile" --lib --crate-type cdylib "${features[@]}" "${last[@]}"
  "$BINDGEN" --target web --omit-default-module-path "${strip[@]}" \
    --out-dir "target/web/bound/$profile/$binary" --out-name corom "$built"
}

# assemble_package PROFILE BINARY…: writes pkg/wasm from what wasm-bindgen wrote.
assemble_package() {
  local from=target/web/bound/$1 binary glue=
  rm -rf pkg/wasm && mkdir -p pkg/wasm
  for binary in "${@:2}"; do
    cp "$from/$binary/corom_bg.wasm" "pkg/wasm/$binary.wasm"
    if [[ $OWN_GLUE == *" $binary "* ]]; then
      node pkg/glue.mjs "$from/$binary/corom.js" pkg/wasm/$binary.js
    elif [[ -z $glue ]]; then
      glue=$from/$binary/corom.js
      node pkg/glue.mjs "$glue" pkg/wasm/corom.js
      cp "${glue%.js}.d.ts" pkg/wasm/
    else
      # The suffix: see pkg/glue.mjs.
      cmp <(sed s/_command_export//g "$glue") <(sed s/_command_export//g "$from/$binary/corom.js") ||
        die "the binaries need different glue code: neither unfused nor relaxed-simd may change what is exported and imported"
    fi
  done
}

# print_sizes PROFILE: prints raw and gzip sizes. Fails if a file of the shipping profile exceeds its budget.
print_sizes() {
  local file raw gz over=() max_raw max_gz
  for file in pkg/wasm/*.wasm pkg/wasm/corom{,-gpu,-convert,-search,-index}.js; do
    [[ -e $file ]] || continue
    raw=$((($(wc -c <"$file") + 1023) / 1024)) gz=$((($(gzip -9c "$file" | wc -c) + 1023) / 1024))
    printf '    %-28s %6d KiB %6d KiB gzip\n' "$file" $raw $gz
    max_raw=$BUDGET_WASM_KIB max_gz=$BUDGET_WASM_GZIP_KIB
    [[ $file != *-unfused.wasm ]] || max_raw=$BUDGET_UNFUSED_KIB max_gz=$BUDGET_UNFUSED_GZIP_KIB
    [[ $file != *-gpu.wasm ]] || max_raw=$BUDGET_GPU_KIB max_gz=$BUDGET_GPU_GZIP_KIB
    [[ $file != *-convert.wasm ]] || max_raw=$BUDGET_CONVERT_KIB max_gz=$BUDGET_CONVERT_GZIP_KIB
    [[ $file != *-search.wasm ]] || max_raw=$BUDGET_SEARCH_KIB max_gz=$BUDGET_SEARCH_GZIP_KIB
    [[ $file != *-index.wasm ]] || max_raw=$BUDGET_INDEX_KIB max_gz=$BUDGET_INDEX_GZIP_KIB
    [[ $file != *.js ]] || max_raw=$raw max_gz=$BUDGET_GLUE_GZIP_KIB
    [[ $file != *-gpu.js ]] || max_gz=$BUDGET_GPU_GLUE_GZIP_KIB
    ((raw <= max_raw && gz <= max_gz)) || over+=("$file: $raw KiB of $max_raw, gzip $gz KiB of $max_gz")
  done
  if [[ -e pkg/wasm/corom.wasm && -e pkg/wasm/corom-gpu.wasm ]]; then
    gz=$((($(gzip -9c pkg/wasm/corom-gpu.wasm | wc -c) - $(gzip -9c pkg/wasm/corom.wasm | wc -c) + 1023) / 1024))
    ((gz <= BUDGET_GPU_MORE_GZIP_KIB)) || over+=("corom-gpu.wasm: gzip $gz KiB more than corom.wasm, of $BUDGET_GPU_MORE_GZIP_KIB")
  fi
  [[ $1 == shipping ]] || { note "(profile $1: larger and slower than what ships)"; return; }
  ((${#over[@]} == 0)) || die "over the budget at the top of scripts/package.sh: ${over[*]}"
}
