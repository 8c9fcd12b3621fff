# shellcheck shell=bash
# `./build.sh lint`: checks format, layering, clippy and documentation. Each warning is an error.

cmd_lint() {
  need_rust
  step "format" cargo fmt --all --check
  step "layering" layering
  beside lint_wasm
  # The workspace: the fuzz targets have to compile, though CI does not run them.
  step "clippy" cargo clippy --locked --workspace --all-targets --features cli,columnar -- -D warnings
  # As the demo builds the command.
  step "clippy without Parquet and Arrow" cargo clippy --locked --features cli --bin corom -- -D warnings
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
  step "clippy for wasm, converter" web_cargo clippy --profile quick --lib --features convert -- -D warnings
}

# The layering rules are a Rust test without dependencies, so rustc alone compiles them within seconds.
layering() {
  mkdir -p target
  CARGO_MANIFEST_DIR=$ROOT rustc --edition 2024 --test tests/layering/main.rs -o target/layering
  target/layering --quiet
}
