#!/usr/bin/env bash
# Measures a machine with a GPU that can be had for some minutes only, has no compiler and reaches no network.
# `pack` prepares everything beforehand, on a machine that has both; `run` measures. `needs` says what the other machine must have.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
mkdir -p "${COROM_CACHE:-.cache}"
CACHE=$(cd "${COROM_CACHE:-.cache}" && pwd)

source scripts/steps.sh
source scripts/requirements.sh
source scripts/toolchain.sh
source scripts/package.sh
source scripts/models.sh
source benches/bench.sh

PACK=target/gpu-machine
# The programs of a pack; see `pack`.
TOOLS=$ROOT/bin

usage() {
  cat <<'HELP'
benches/gpu-machine.sh needs                what the machine with the GPU must have
benches/gpu-machine.sh pack [MODELS]        builds the pack in target/gpu-machine.tar.xz; MODELS: base (default), m3e-small
benches/gpu-machine.sh run [--minutes N] [--models MODELS] [--out FOLDER]
                                            in the unpacked folder, on that machine: measures for about N minutes (8) and writes
                                            tables to benches/results, and copies of them to FOLDER

`run` also works in a checkout on a machine with a GPU, after `pack`.
HELP
}

needs() {
  cat <<'NEEDS'
The machine with the GPU needs:
- Linux on x86-64, with a C library that is not older than that of the machine that packed
- a Vulkan driver for its GPU (a .json file in /usr/share/vulkan/icd.d or /etc/vulkan/icd.d, or named by VK_DRIVER_FILES) and the
  loader libvulkan.so.1 (Debian: libvulkan1). CUDA alone is not enough. For NVIDIA the driver's libGLX_nvidia.so.0 must be there too
- bash, tar with xz, and 8 GB of free disk and 8 GB of free memory
- python3 with numpy, onnx, onnxruntime, safetensors and tokenizers, which makes the models there (the pack would be too large with
  them). Without python3 only the device, its peak and the product are measured

It needs neither a network, nor a compiler, nor a browser, nor Node, nor PyTorch.
NEEDS
}

pack() {
  local models=${1:-base} file
  need_rust; need_node; need npm "it comes with Node.js"; need xz "it compresses the pack"
  bench_npm
  bench_node_webgpu
  step "command of corom" with_progress cargo build --locked --profile converter --features cli --bin corom
  bench_native_gpu
  build_package shipping
  once "Python for the benchmarks" "$(hash_of benches/peers/prepare/requirements.txt)" "$CACHE/bench-python/bin/python" bench_python
  m3e_checkpoint
  step "pack" pack_files "$models"
  file=$PACK.tar.xz
  tar -C target -c gpu-machine | xz -T0 >"$file"
  note "$file: $(du -m "$file" | cut -f1) MiB. Unpack it there, then: bash gpu-machine/benches/gpu-machine.sh run"
  needs
}

# pack_files MODELS: fills target/gpu-machine: the repository without its tests, and what was built of it.
pack_files() {
  local models=$1 packages=benches/peers/node_modules/onnxruntime-web dawn=benches/peers/gpu/node_modules
  rm -rf $PACK && mkdir -p $PACK/bin $PACK/.cache/m3e-small
  git ls-files benches scripts src pkg Cargo.toml Cargo.lock build.sh | tar -c -T - | tar -C $PACK -x
  tar -c pkg/wasm $packages/package.json $packages/dist/ort.webgpu.bundle.min.mjs $packages/dist/ort-wasm-simd-threaded.asyncify.{mjs,wasm} |
    tar -C $PACK -x
  tar -c --exclude='webgpu/dist/darwin*' --exclude='webgpu/dist/win32*' --exclude='webgpu/dist/linux-arm64' $dawn | tar -C $PACK -x
  cp "$(readlink -f "$(command -v node)")" $PACK/bin/node
  cp target/converter/corom $PACK/bin/corom
  cp target/bench/native/release/gpu $PACK/bin/gpu
  strip $PACK/bin/corom $PACK/bin/gpu 2>/dev/null || true # only smaller
  if [[ $models == *m3e-small* ]]; then cp "$CACHE"/m3e-small/*.{json,bin} $PACK/.cache/m3e-small/; fi
  cp "$CACHE/m3e-small/tokenizer.json" $PACK/.cache/m3e-small/
  printf '%s %s\n' "$(git rev-parse --short HEAD)" "$models" >$PACK/pack
}

run() {
  local minutes=8 models='' out='' start=$SECONDS began
  began=$(mktemp)
  while (($# > 0)); do
    case $1 in
      --minutes) minutes=$2 ;;
      --models) models=$2 ;;
      --out) out=$2 ;;
      *) usage >&2; exit 2 ;;
    esac
    shift 2
  done
  if [[ -f pack ]]; then
    local commit packed
    read -r commit packed <pack
    export COROM_BENCH_COMMIT=$commit
    models=${models:-$packed}
    # The pack's own command converts; nothing is compiled.
    run_convert() { rm -rf "$2.part"; "$TOOLS/corom" convert "$1" "$2.part" "${@:3}"; rm -rf "$2"; mv "$2.part" "$2"; }
    m3e_checkpoint() { :; }
    bench_python() { :; }
    # bench.sh calls Python by this path. A link would leave a virtual environment.
    mkdir -p "$CACHE/bench-python/bin"
    printf '#!/bin/sh\nexec python3 "$@"\n' >"$CACHE/bench-python/bin/python"
    chmod +x "$CACHE/bench-python/bin/python"
    export PATH=$TOOLS:$PATH COROM_GPU_BENCH=$TOOLS/gpu
  fi
  models=${models:-base}
  run_checks
  local can_make=yes
  python3 -c 'import numpy, onnx, onnxruntime, safetensors, tokenizers' || { can_make=no; note "no models: python3 lacks a package (see above)"; }
  # Both hosts get half of the time that is left after the models are made. The library comes first.
  [[ $can_make == no ]] || bench_gpu_models "${models//,/ }"
  CURRENT="measure"
  local left=$((minutes * 60 - (SECONDS - start))) host failed=0 tables
  ((left > 120)) || left=120
  for host in native node; do
    measure_host "$host" $((left / 120)) $((left / 2 + 60)) "$can_make" "$models" || { failed=1; note "$host failed: its message is above"; }
  done
  # Also those of a host that did not finish: they are written after each size.
  mapfile -t tables < <(find benches/results -name '*-gpu-*' -newer "$began" | sort)
  ((${#tables[@]} > 0)) || die "nothing was measured (see the messages above)"
  [[ -z $out ]] || { mkdir -p "$out"; cp "${tables[@]}" "$out"; }
  note "commit these files:"
  printf '%s\n' "${tables[@]}"
  exit $failed
}

# measure_host HOST MINUTES SECONDS CAN_MAKE MODELS: no size begins after MINUTES, and all ends after SECONDS.
measure_host() {
  local none=()
  [[ $4 == yes ]] || none=(--device-only)
  # Not by `step`, which does not pass a failure on where it is handled.
  bold "==> $1"
  timeout "$3" node benches/peers/gpu/bench.mjs --gpu --quick --save --adapter system --host "$1" --minutes "$2" --models "$5" "${none[@]}"
}

# Fails early, and says what is missing.
run_checks() {
  [[ $(uname -sm) == "Linux x86_64" ]] || die "the pack is for Linux on x86-64, this is $(uname -sm)"
  need_node
  ldconfig -p | grep -q 'libvulkan\.so\.1' || die "no libvulkan.so.1: install the loader of Vulkan drivers (Debian: libvulkan1)"
  node benches/peers/gpu/adapters.mjs || die "no GPU that Vulkan knows ($0 needs): is VK_DRIVER_FILES set?"
}

case ${1-help} in
  needs | pack | run) "$1" "${@:2}" ;;
  *) usage ;;
esac
