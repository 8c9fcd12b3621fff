# shellcheck shell=bash
# Provides Rust's WebAssembly target and wasm-bindgen, and runs cargo for that target.

WEB_TARGET=wasm32-unknown-unknown
WEB_RUSTC="" # empty: the rustc in PATH has the target

# has_std TARGET: returns true if the rustc in PATH has the standard library for a target.
has_std() { compgen -G "$(rustc --print target-libdir --target "$1")/libcore-*.rlib" >/dev/null; }

# Chooses the toolchain that COROM_WASM_TOOLCHAIN names. Without it: the installed Rust, then rustup, then Debian.
web_toolchain() {
  case ${COROM_WASM_TOOLCHAIN:-auto} in
    installed) has_std $WEB_TARGET || die "$(rustc --version) has no standard library for $WEB_TARGET" ;;
    rustup) has_std $WEB_TARGET || step "wasm standard library from rustup" rustup target add $WEB_TARGET ;;
    debian) debian_toolchain ;;
    auto)
      if has_std $WEB_TARGET; then return; fi
      bold "==> wasm standard library from rustup"
      if have rustup && timeout 300 rustup target add $WEB_TARGET && has_std $WEB_TARGET; then return; fi
      note "rustup could not provide it; trying Debian's packages"
      debian_toolchain ;;
    *) die "COROM_WASM_TOOLCHAIN is installed, rustup or debian, not '$COROM_WASM_TOOLCHAIN'" ;;
  esac
}

# Debian has no compiled wasm standard library for its current rustc, but it has the compiler and the library's source.
# Both are unpacked into a private prefix (nothing is installed), and the library is compiled there.
debian_toolchain() {
  CURRENT="choosing Debian's rustc"
  local version prefix
  apt_has rustc-web "$(rust_minimum)" ||
    die "no wasm standard library: this Rust has none, and Debian's lists have no package rustc-web $(rust_minimum) or later"
  version=$(apt_version rustc-web)
  prefix=$CACHE/web-rust-${version%%[+~-]*}
  once "wasm toolchain from Debian" "$version $(rustc --version)" "$prefix/bin/rustc" debian_prefix "$prefix" "$version"
  WEB_RUSTC=$prefix/bin/rustc
}

debian_prefix() {
  local prefix=$1 version=$2 host lld std llvm deb
  host=$(rustc -vV | awk '/^host:/ { print $2 }')
  lld=$(rustc --print sysroot)/lib/rustlib/$host/bin/rust-lld
  [[ -x $lld ]] || lld=$(command -v rust-lld || command -v wasm-ld) ||
    die "no linker: neither rustup's rust-lld nor wasm-ld (Debian's package lld)"
  # The names of these two packages contain a version. The packages that depend on them know the names.
  std=$(apt-cache depends libstd-rust-web-dev | awk '/Depends: libstd-rust-web-/ { print $2; exit }')
  llvm=$(apt-cache depends "$std" | awk '/Depends: libllvm/ { print $2; exit }')
  rm -rf "$prefix" && mkdir -p "$prefix/deb" "$prefix/bin"
  note "fetching $std, $llvm and rustc-web $version"
  (cd "$prefix/deb" && apt_get -o APT::Sandbox::User=root download "$std" "$llvm" {rustc-web,rust-web-src,libstd-rust-web-dev,rust-web-clippy}="$version") ||
    die "could not download Debian's packages for rustc-web $version; try 'apt-get update'"
  for deb in "$prefix"/deb/*.deb; do dpkg-deb -x "$deb" "$prefix"; done
  rm -rf "$prefix/deb"

  # With these wrappers the compiler finds its own libraries and standard libraries wherever the prefix is.
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
  mv "$prefix/usr/bin/cargo-clippy" "$prefix/bin/" # it looks for clippy-driver in its own folder
  mkdir -p "$rustlib/$host/bin" && ln -sf "$lld" "$rustlib/$host/bin/rust-lld"
  "$prefix/bin/rustc" --version >/dev/null ||
    die "Debian's rustc lacks a shared library (named above): run 'apt-get install $llvm' as root, then this command again"

  note "compiling the standard library for $WEB_TARGET"
  (
    cd "$rustlib/src/rust/library"
    unset RUSTC_WORKSPACE_WRAPPER # its crates are not linted
    RUSTC=$prefix/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$prefix/std \
      CARGO_ENCODED_RUSTFLAGS=$'-Zforce-unstable-if-unmarked\x1f-Cembed-bitcode=yes\x1f-Ctarget-feature=+simd128' \
      with_progress cargo build --locked --release --target $WEB_TARGET --manifest-path sysroot/Cargo.toml
  )
  mkdir -p "$rustlib/$WEB_TARGET/lib"
  cp "$prefix/std/$WEB_TARGET"/release/deps/*.rlib "$rustlib/$WEB_TARGET/lib/"
  rm -rf "$prefix/std"
}

# web_cargo COMMAND ARGUMENTS…: runs cargo for wasm. The compiler flags are always those of .cargo/config.toml.
web_cargo() {
  local cargo=(cargo) prefix=${WEB_RUSTC%/bin/rustc} lints=()
  if [[ $1 == clippy && -n $WEB_RUSTC ]]; then
    cargo=(env LD_LIBRARY_PATH="$(echo "$prefix"/usr/lib/*-linux-gnu*)" "$prefix/bin/cargo-clippy")
  fi
  # Other workspaces (--manifest-path) are not linted. A panic ends a whole WebAssembly instance, so unwrap is denied too.
  if [[ ${COROM_LINT_BUILDS-} == 1 && $* != *--manifest-path* ]]; then
    lints=(
      RUSTC_WORKSPACE_WRAPPER="$ROOT/scripts/rustc-lints" CLIPPY_DRIVER="${WEB_RUSTC:+$prefix/bin/}clippy-driver"
      CLIPPY_ARGS="$(clippy_args warnings clippy::unwrap_used)"
    )
  fi
  env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u RUSTC_WORKSPACE_WRAPPER "${lints[@]}" ${WEB_RUSTC:+RUSTC="$WEB_RUSTC"} \
    "${cargo[@]}" "$1" --locked --target $WEB_TARGET --target-dir target/web "${@:2}"
}

# Sets BINDGEN to a wasm-bindgen of the version in Cargo.lock: the one in PATH, or one compiled into the cache.
bindgen_tool() {
  local version
  version=$(locked wasm-bindgen)
  if [[ $(wasm-bindgen --version 2>/dev/null) == "wasm-bindgen $version" ]]; then
    BINDGEN=$(command -v wasm-bindgen)
  else
    BINDGEN=$CACHE/wasm-bindgen-$version/bin/wasm-bindgen
    once "wasm-bindgen $version" "$version" "$BINDGEN" install_bindgen "$version"
  fi
}

# Compiles wasm-bindgen at opt-level 1: the default level takes twice as long to compile, and saves seconds at run time.
install_bindgen() {
  local root=$CACHE/wasm-bindgen-$1
  (
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTC_WORKSPACE_WRAPPER
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=1 PATH=$PATH:$root/bin # in PATH, or cargo warns
    cd "$CACHE"
    with_progress cargo install wasm-bindgen-cli --version "=$1" --no-default-features --bin wasm-bindgen --root "$root"
  )
}
