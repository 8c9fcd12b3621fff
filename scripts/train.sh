# shellcheck shell=bash
# `./build.sh test train`: the tests of training. They are no part of `./build.sh test`: candle takes minutes to compile,
# and it changes the features of dependencies that tract shares, so tract is compiled a second time.

test_train() {
  step "clippy for training" cargo clippy --locked --features cli,train --lib --bin corom --test train -- -D warnings
  step "tests of training" cargo test --locked --features cli,train --test train
}
