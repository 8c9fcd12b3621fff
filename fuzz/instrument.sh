#!/bin/sh
# A wrapper around rustc for the crates of this workspace (RUSTC_WORKSPACE_WRAPPER): adds the coverage counters and the
# comparison hooks that libFuzzer reads. Dependencies stay as the tests compile them.
exec "$@" -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares
