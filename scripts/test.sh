# shellcheck shell=bash
# `./build.sh test [core|hosts|train|gpu]`: prepares what the tests need, then runs them.
# core needs nothing from the network but crates and the toolchain. hosts needs a browser, npm packages, onnxruntime, two
# models, and an emulator of Arm processors.

PYTHON_PINS=(onnxruntime==1.32.0 numpy==2.4.6 onnx==1.23.2 pyarrow==26.0.1 pytrec-eval-terrier==0.5.11)

cmd_test() {
  case ${1-} in
    "" | core | hosts | train) ;;
    gpu) test_gpu; return ;;
    *) die "test takes core, hosts, train, gpu or nothing, not '$1'" ;;
  esac
  need_rust; need_node; need npm "it comes with Node.js"
  lint_builds
  [[ ${1-} != train ]] || { test_train; return; }
  [[ ${1-} == hosts ]] || test_core
  [[ ${1-} == core ]] || test_hosts
}

test_core() {
  beside build_package quick
  lint_other_builds # before the tests, which build target/debug/corom with Parquet again
  step "Rust tests" cargo test --locked --features cli,columnar --no-fail-fast -- --skip hosts::
  join
  bench_kernels # the tests compare their golden hashes
  # The link that `npm ci` makes for "file:../../pkg".
  mkdir -p tests/js/node_modules && ln -sfn ../../../pkg tests/js/node_modules/corom
  step "JavaScript tests" npm --prefix tests/js run --silent test:core
}

test_hosts() {
  CONVERTER_PROFILE=dev m3e_small models/m3e-small
  CONVERTER_PROFILE=dev minilm models/minilm-int8 --dtype int8
  once "onnxruntime for the tests" "${PYTHON_PINS[*]}" "$CACHE/python/bin/python" python_env
  minilm_exports
  once "npm packages for the tests" "$(hash_of tests/js/package-lock.json)" tests/js/node_modules/playwright-core \
    npm --prefix tests/js ci --ignore-scripts --no-audit --no-fund
  find_chromium
  find_firefox
  # The tests read these variables: the models, their checkpoints and exports, a Python with onnxruntime, the browser.
  export COROM_M3E=$ROOT/models/m3e-small COROM_M3E_CHECKPOINT=$CACHE/m3e-small
  export COROM_MINILM=$ROOT/models/minilm-int8 COROM_MINILM_CHECKPOINT=$CACHE/minilm
  export COROM_MINILM_EXPORTS=$CACHE/minilm-exports
  export COROM_PYTHON=$CACHE/python/bin/python CHROMIUM FIREFOX
  step "Rust tests with onnxruntime and real models" cargo test --locked --features cli,columnar --test convert --test eval --test bulk -- hosts::
  build_package quick
  bench_kernels
  test_arm
  step "JavaScript tests in hosts" npm --prefix tests/js run --silent test:hosts
  step "packaging tests" node tests/packaging/run.mjs
}

python_env() {
  need python3 "onnxruntime runs in it and checks converted models"
  rm -rf "$CACHE/python"
  python3 -m venv "$CACHE/python" || die "python3 has no venv (Debian: python3-venv)"
  "$CACHE/python/bin/pip" install --quiet --only-binary :all: "${PYTHON_PINS[@]}"
}

# Writes MiniLM as 8-bit exports of onnxruntime's quantizer into the cache.
minilm_exports() {
  local script=tests/python/export_minilm.py
  once "8-bit exports of all-MiniLM-L6-v2" "$MINILM_PIN ${PYTHON_PINS[*]} $(hash_of $script)" \
    "$CACHE/minilm-exports/int8/model_quantized.onnx" export_minilm "$script"
}

export_minilm() {
  rm -rf "$CACHE/minilm-exports"
  "$CACHE/python/bin/python" "$1" "$CACHE/minilm" "$CACHE/minilm-exports"
}

# Sets FIREFOX to a browser in PATH. Installs Debian's package if there is none.
find_firefox() {
  FIREFOX=${FIREFOX:-$(type -P firefox-esr || type -P firefox || true)}
  [[ -n $FIREFOX ]] || { step "Firefox" apt_install firefox-esr; FIREFOX=$(type -P firefox-esr); }
}

# Sets CHROMIUM to a browser in PATH. Installs Debian's package if there is none.
find_chromium() {
  CHROMIUM=${CHROMIUM:-$(type -P chromium || type -P chromium-browser || type -P google-chrome || true)}
  [[ -n $CHROMIUM ]] || { step "Chromium" apt_install chromium; CHROMIUM=$(type -P chromium); }
}
