# shellcheck shell=bash
# Tests the kernels on emulated Arm processors: one with the dot product of bytes, and one without. Only the kernels are
# compiled (benches/kernels), because everything else is the same on all processors.

ARM_TARGET=aarch64-unknown-linux-gnu
ARM_RUSTC="" # empty: the rustc in PATH has the target
ARM_LIBC=/usr/aarch64-linux-gnu
# Slow under emulation, and the same on every processor: the golden hashes cover the bits of these functions.
ARM_SKIP=(--skip stays_within_its_bound --skip shapes_of_small_models --skip emulated_relaxed_operations)

test_arm() {
  arm_toolchain
  have qemu-aarch64 || step "emulator of Arm processors" apt_install qemu-user
  have aarch64-linux-gnu-gcc || step "linker for Arm" apt_install gcc-aarch64-linux-gnu
  [[ -d $ARM_LIBC/include ]] || step "C library for Arm" apt_install libc6-dev-arm64-cross
  step "kernels on an Arm processor with dot product" arm_kernels max "neon neon-dot" "${ARM_SKIP[@]}"
  # The plain kernels ran on the first processor too. This one shows that they are chosen.
  step "kernels on an Arm processor without dot product" arm_kernels cortex-a53 neon golden_test:: simd::
}

# arm_kernels CPU SETS ARGUMENTS…: runs the tests of the kernels on a processor that has these instruction sets.
arm_kernels() {
  local variable=CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU
  env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u RUSTC_WORKSPACE_WRAPPER ${ARM_RUSTC:+RUSTC="$ARM_RUSTC"} \
    "${variable}_LINKER=aarch64-linux-gnu-gcc" "${variable}_RUNNER=qemu-aarch64 -cpu $1 -L $ARM_LIBC" COROM_INSTRUCTION_SETS="$2" PROPTEST_CASES=8 \
    cargo test --locked --manifest-path benches/kernels/Cargo.toml --target-dir target/kernels --target $ARM_TARGET --lib \
    -- "${@:3}"
}

# Provides the standard library for Arm, from where the one for WebAssembly comes (see web_toolchain).
arm_toolchain() {
  local source=${COROM_WASM_TOOLCHAIN:-auto}
  if [[ $source != debian ]]; then
    if has_std $ARM_TARGET; then return; fi
    [[ $source != installed ]] || die "$(rustc --version) has no standard library for $ARM_TARGET"
    bold "==> Arm standard library from rustup"
    if have rustup && timeout 300 rustup target add $ARM_TARGET && has_std $ARM_TARGET; then return; fi
    [[ $source != rustup ]] || die "rustup could not provide the standard library for $ARM_TARGET"
    note "rustup could not provide it; trying Debian's packages"
  fi
  debian_toolchain
  ARM_RUSTC=$WEB_RUSTC
  local prefix=${WEB_RUSTC%/bin/rustc} version
  version=$(apt_version rustc-web)
  once "Arm standard library from Debian" "$version" "$prefix/arm-std" debian_arm_std "$prefix" "$version"
}

# debian_arm_std PREFIX VERSION: unpacks the library beside the compiler. Its package is one of Debian for Arm, which is
# found with package lists of its own, so that this machine's packages stay as they are.
debian_arm_std() {
  local prefix=$1 state=$1/arm-apt apt
  apt=(-o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o "Dir::State::Lists=$state/lists" -o "Dir::Cache=$state/cache"
    -o APT::Sandbox::User=root)
  rm -rf "$state" && mkdir -p "$state"/{lists,cache/archives}/partial
  (cd "$state" && apt-get -qq "${apt[@]}" update && apt-get -qq "${apt[@]}" download "libstd-rust-web-dev=$2") ||
    die "could not download Debian's package libstd-rust-web-dev $2 for arm64"
  dpkg-deb -x "$state"/*.deb "$prefix"
  rm -rf "$state"
  touch "$prefix/arm-std"
}
