# shellcheck shell=bash
# `./build.sh lint`: checks format, layering, clippy and documentation. Each warning is an error.
# With COROM_LINT_BUILDS=1, as in CI, the builds of the tests are linted instead, and no dependency is checked a second time
# for clippy and a third time for rustdoc, which takes ten minutes.

cmd_lint() {
  need_rust
  step "format" cargo fmt --all --check
  step "layering" layering
  [[ ${COROM_LINT_BUILDS-} != 1 ]] || { note "clippy and documentation: with the builds of the tests"; return; }
  beside lint_wasm
  # The workspace: the fuzz targets have to compile, though CI does not run them.
  step "clippy" cargo clippy --locked --workspace --all-targets --features cli,columnar -- -D warnings
  # As the demo builds the command.
  step "clippy without Parquet and Arrow" cargo clippy --locked --features cli --bin corom -- -D warnings
  step "clippy with GPUs" cargo clippy --locked --all-targets --features cli,gpu -- -D warnings
  step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps --features cli,columnar
  join
}

lint_wasm() {
  web_toolchain
  # The library alone, without its tests. A panic ends the whole WebAssembly instance, so unwrap is denied too.
  step "clippy for wasm" web_cargo clippy --profile quick --lib --no-default-features --features embed -- -D warnings -D clippy::unwrap_used
  step "clippy for wasm, relaxed SIMD" web_cargo clippy --profile quick --lib --no-default-features --features relaxed-simd -- -D warnings
  step "clippy for wasm, search" web_cargo clippy --profile quick --lib --no-default-features --features search -- -D warnings -D clippy::unwrap_used
  step "clippy for wasm, catalogs" web_cargo clippy --profile quick --lib --no-default-features --features index -- -D warnings -D clippy::unwrap_used
  step "clippy for wasm, GPUs" web_cargo clippy --profile quick --lib --no-default-features --features gpu -- -D warnings -D clippy::unwrap_used
  step "clippy for wasm, converter" web_cargo clippy --profile quick --lib --features convert -- -D warnings
}

# The layering rules are a Rust test without dependencies, so rustc alone compiles them within seconds.
layering() {
  mkdir -p target
  CARGO_MANIFEST_DIR=$ROOT rustc --edition 2024 --test tests/layering/main.rs -o target/layering
  target/layering --quiet
}

# clippy_args LINT…: prints what clippy-driver reads from CLIPPY_ARGS: these lints are errors.
clippy_args() { printf -- '-D%s__CLIPPY_HACKERY__' "$@"; }

# lint_builds: from here on, native builds of this workspace are linted, and so is the documentation before its examples run.
lint_builds() {
  [[ ${COROM_LINT_BUILDS-} == 1 ]] || return 0
  export RUSTC_WORKSPACE_WRAPPER=$ROOT/scripts/rustc-lints RUSTDOC=$ROOT/scripts/rustdoc-lints
  export CLIPPY_DRIVER=clippy-driver
  CLIPPY_ARGS=$(clippy_args warnings)
  export CLIPPY_ARGS
}

# lint_other_builds: builds what the tests do not: the fuzz targets, and the command as the demo builds it, but quicker.
lint_other_builds() {
  [[ ${COROM_LINT_BUILDS-} == 1 ]] || return 0
  step "fuzz targets" cargo build --locked --workspace --bins --features cli,columnar
  step "the command without Parquet and Arrow" cargo build --locked --features cli --bin corom --config profile.dev.opt-level=0
}
