#!/usr/bin/env bash
# The entry to every task in this repository: build, demo, test, lint, fuzz, bench. `./build.sh help` lists the commands.
# Each command is a function cmd_NAME in scripts/ or benches/.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
ROOT=$PWD
mkdir -p "${COROM_CACHE:-.cache}"
CACHE=$(cd "${COROM_CACHE:-.cache}" && pwd) # downloads and compiled tools; several checkouts may share it

source scripts/steps.sh
source scripts/requirements.sh
source scripts/toolchain.sh # Rust's wasm target, wasm-bindgen
source scripts/package.sh   # cmd_build: pkg/wasm
source scripts/models.sh    # the test models, conversion
source scripts/demo.sh      # cmd_demo
source scripts/arm.sh       # the kernels' tests on emulated Arm processors
source scripts/gpu.sh      # the GPU back end on an emulated GPU
source scripts/test.sh      # cmd_test
source scripts/train.sh     # the tests of training
source scripts/bulk.sh      # cmd_bulk
source scripts/lint.sh      # cmd_lint
source scripts/fuzz.sh      # cmd_fuzz
source scripts/release.sh   # cmd_release
source benches/bench.sh     # cmd_bench

cmd_clean() {
  rm -rf target pkg/wasm models {tests/js,tests/packaging,benches/peers,benches/peers/gpu}/node_modules
  note "downloads and compiled tools are still in $CACHE: delete that folder too to start from nothing"
}

cmd_help() {
  cat <<'HELP'
./build.sh build [--test-profile]    builds the npm package in pkg/ (--test-profile: quicker to build, larger, slower)
./build.sh demo [--once] [--shipping] [--port N] [--model DIR] [--reranker DIR]
                                     embeds and ranks product texts in Node, then serves www/ on port N (default:
                                     8080, or a free port); --once: ends after Node; --shipping: shows the binaries
                                     that ship, which take longer to build; DIR: a checkpoint (converted to int8), a
                                     folder made by `corom convert`, or an ONNX export with config.json and
                                     tokenizer.json, used as it is, or m3e-small, which is fetched (default: nano, which is
                                     in the package); the shop's page reranks with
                                     a checkpoint or converted folder of a reranker, if there is one
./build.sh test [core|hosts|train|gpu]
                                     runs every test but those of training and of GPUs, or one part. core: Rust and
                                     Node; needs no network but crates. train: training (feature `train`), which compiles
                                     candle.
                                     hosts: Chromium, onnxruntime, a real model, types, bundlers and edge hosts, and
                                     the kernels on emulated Arm processors. gpu: the GPU back end on an emulated
                                     GPU; with COROM_GPU_ICD=system on the machine's own
./build.sh bulk [ray|spark|stores]   runs examples/bulk with a real Ray, a real Spark, PostgreSQL with pgvector, Qdrant's
                                     client and Milvus Lite
./build.sh lint                      checks format, clippy, documentation and layering; warnings are errors
./build.sh fuzz [--seconds N] [TARGET…]
                                     runs the fuzz targets (fuzz/README.md), each for N seconds (default: 60)
./build.sh release                   checks what a release needs beyond CI: lint, every test, each fuzz target for five
                                     minutes, and the binaries that ship with their budgets
./build.sh bench [--quick] [--help]  compares corom with onnxruntime-web and transformers.js; --help: more options
./build.sh bench --gpu [--quick]     compares the GPU back end with onnxruntime-web's; --gpu --help: more options
./build.sh clean                     deletes what was built here

COROM_CACHE            the folder for tools and downloads (default: .cache)
COROM_WASM_TOOLCHAIN   installed | rustup | debian: the source of Rust's wasm target (default: the first that works)
CHROMIUM, FIREFOX      the browsers for the tests (default: those in PATH, else Debian's)
HELP
}

case ${1-help} in
  build | demo | test | bulk | lint | fuzz | release | bench | clean | help) "cmd_$1" "${@:2}" ;;
  -h | --help) cmd_help ;;
  *) cmd_help >&2; exit 2 ;;
esac
