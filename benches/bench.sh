# shellcheck shell=bash
# `./build.sh bench`: prepares the package, the peers, the models and the kernels, then runs benches/peers/bench.mjs.
# Everything it makes is in target/bench and the cache; only --save writes to benches/results.

BENCH_MODELS=target/bench/models

cmd_bench() {
  local wanted profile=shipping
  need_node
  [[ " $* " != *" --help "* ]] || { node benches/peers/wanted.mjs "$@"; return; }
  # Arguments are checked before the long work starts.
  wanted=$(node benches/peers/wanted.mjs "$@") || { trap - ERR; exit 2; }
  [[ " $* " != *" --gpu "* ]] || { bench_gpu "$wanted" "$@"; return; }
  need_rust; need npm "it comes with Node.js"
  [[ " $* " != *" --test-profile "* ]] || profile=quick
  bench_npm
  [[ $wanted != *chromium* ]] || { find_chromium; export CHROMIUM; }
  [[ $wanted != *m3e-small* && $wanted != *base* ]] || bench_models "$wanted"
  [[ $wanted != *rerank* ]] || bench_reranker
  [[ $wanted != *search* ]] || bench_search "$@"
  [[ $wanted != *native* ]] || bench_native
  # The native comparison alone needs no package.
  [[ " $wanted " != *" node "* && $wanted != *chromium* && $wanted != *kernels* ]] || build_package $profile
  [[ $wanted != *kernels* ]] || bench_kernels
  step "benchmarks" node benches/peers/bench.mjs "$@"
}

# bench_gpu WANTED OPTIONS…: corom's GPU back end beside onnxruntime-web's.
bench_gpu() {
  local wanted=$1 profile=shipping
  shift
  need_rust; need npm "it comes with Node.js"
  [[ " $* " != *" --test-profile "* ]] || profile=quick
  bench_npm
  case $wanted in
    *chromium*) find_chromium; export CHROMIUM ;;
    *node*) bench_node_webgpu; bench_gpu_driver "$@" ;;
    *native*) bench_native_gpu; bench_gpu_driver "$@" ;;
  esac
  bench_gpu_models "$wanted"
  [[ $wanted == *native* ]] || build_package $profile
  step "benchmarks on a GPU" node benches/peers/gpu/bench.mjs "$@"
}

# bench_gpu_driver OPTIONS…: the Vulkan driver for programs that are no browser.
bench_gpu_driver() {
  if [[ " $* " == *" system "* ]]; then export COROM_GPU_ICD=system; else export COROM_GPU_SOFTWARE=1; fi
  gpu_driver
}

bench_native_gpu() {
  step "native program for GPUs" with_progress cargo build --locked --release --features gpu --bin gpu \
    --manifest-path benches/native/Cargo.toml --target-dir target/bench/native
}

bench_npm() {
  once "npm packages for the benchmarks" "$(hash_of benches/peers/package-lock.json)" benches/peers/node_modules \
    npm --prefix benches/peers ci --ignore-scripts --no-audit --no-fund
}

# WebGPU for Node, in a folder of its own, because it is large.
bench_node_webgpu() {
  once "WebGPU for Node" "$(hash_of benches/peers/gpu/package-lock.json)" benches/peers/gpu/node_modules \
    npm --prefix benches/peers/gpu ci --ignore-scripts --no-audit --no-fund
}

# bench_gpu_models NAMES: prepares the models, and onnxruntime-web's files of them for WebGPU.
bench_gpu_models() {
  local name checkpoint count
  once "Python for the benchmarks" "$(hash_of benches/peers/prepare/requirements.txt)" "$CACHE/bench-python/bin/python" bench_python
  m3e_checkpoint
  for name in tiny m3e-small base; do
    [[ $1 == *$name* ]] || continue
    checkpoint=$CACHE/m3e-small count=300
    [[ $name == m3e-small ]] || { bench_random $name; checkpoint=target/bench/$name-checkpoint count=40; }
    bench_gpu_model $name "$checkpoint" $count
  done
}

# bench_gpu_model NAME CHECKPOINT COUNT: as bench_model, with other files for the peer.
bench_gpu_model() {
  local name=$1 folder=$BENCH_MODELS/$1 python=$CACHE/bench-python/bin/python source
  bench_convert "$name" "$2" f32 int8
  source="$(hash_of "$folder/corom-f32/corom.json" benches/peers/prepare benches/peers/catalog.mjs benches/peers/catalog-words.mjs benches/peers/random.mjs)"
  once "peers' files of $name for GPUs" "$source" "$folder/gpu/summary.json" "$python" benches/peers/prepare/gpu_files.py "$folder/corom-f32" "$folder"
  once "reference vectors of $name" "$source $3" "$folder/reference.json" bench_reference "$folder" "$3"
}

# bench_random KIND: makes a checkpoint of random weights, `base` or `tiny`.
bench_random() {
  once "random BERT-$1" "$M3E_PIN $(hash_of benches/peers/prepare/base_checkpoint.py)" "target/bench/$1-checkpoint/model.safetensors" \
    "$CACHE/bench-python/bin/python" benches/peers/prepare/base_checkpoint.py "$CACHE/m3e-small/tokenizer.json" "target/bench/$1-checkpoint" "$1"
}

# bench_convert NAME CHECKPOINT DTYPES…: converts a checkpoint into folders for corom.
bench_convert() {
  local name=$1 checkpoint=$2 dtype folder=$BENCH_MODELS/$1 source
  mkdir -p "$folder"
  source="$(find "$checkpoint" -type f -printf '%P %s %T@\n' | sort | sha256sum) $(hash_of src/bin src/convert src/encoder/quantize src/encoder/onnx/pb.rs src/model)"
  for dtype in "${@:3}"; do
    once "convert $name to $dtype for the benchmarks" "$source" "$folder/corom-$dtype/corom.json" \
      run_convert "$checkpoint" "$folder/corom-$dtype" --dtype "$dtype" --pooling cls
  done
}

# bench_reranker: prepares a reranker of BERT-base's shape with random weights, the peers' files of it, and reference logits.
bench_reranker() {
  local checkpoint=target/bench/reranker-checkpoint folder=$BENCH_MODELS/reranker python=$CACHE/bench-python/bin/python source dtype
  once "Python for the benchmarks" "$(hash_of benches/peers/prepare/requirements.txt)" "$python" bench_python
  m3e_checkpoint
  once "random reranker" "$M3E_PIN $(hash_of benches/peers/prepare/base_checkpoint.py)" $checkpoint/model.safetensors \
    "$python" benches/peers/prepare/base_checkpoint.py "$CACHE/m3e-small/tokenizer.json" $checkpoint reranker
  mkdir -p "$folder"
  source="$(hash_of $checkpoint/config.json benches/peers/prepare/base_checkpoint.py src/bin src/convert src/encoder/quantize src/encoder/onnx/pb.rs src/model)"
  for dtype in f32 int8; do
    once "convert the reranker to $dtype for the benchmarks" "$source" "$folder/corom-$dtype/corom.json" \
      run_convert $checkpoint "$folder/corom-$dtype" --dtype "$dtype"
  done
  source="$(hash_of "$folder/corom-f32/corom.json" benches/peers/prepare)"
  once "peers' files of the reranker" "$source" "$folder/summary.json" "$python" benches/peers/prepare/onnx_files.py "$folder/corom-f32" "$folder"
  once "reference logits of the reranker" "$source" "$folder/reference.json" \
    "$python" benches/peers/prepare/reference_pairs.py "$folder/f32.onnx" "$folder/corom-f32/tokenizer.json" "$folder/reference.json"
}

# Titles that are embedded at once, so that an interrupted run loses little, and how many the search benchmark wants.
TITLES_PER_PART=2000
SEARCH_REAL=100000
# The files of the made-up shop that products and queries depend on.
SHOP_SOURCES=(examples/shop/{features,products,queries,random,sizes,types}.mjs)

# bench_search OPTIONS…: builds the catalogs of the search benchmark, and the files that the peers get.
bench_search() {
  local binary=target/bench/cargo/release/corom-search-bench model=models/m3e-small-int8 sizes entry name count dimension real=$SEARCH_REAL
  [[ ! " $* " =~ " --real "([0-9]+)" " ]] || real=${BASH_REMATCH[1]}
  sizes=(random-10k:10000:768 real-10k:10000:0 random-100k:100000:768 "real-100k:$real:0" random-1m:1000000:768)
  [[ " $* " != *" --quick "* ]] || sizes=(random-10k:10000:768)
  once "builder of catalogs for the benchmarks" "$(rustc --version) $(hash_of benches/search src/index src/index_build src/error.rs src/l2.rs)" $binary \
    cargo build --quiet --release --manifest-path benches/search/Cargo.toml --target-dir target/bench/cargo
  for entry in "${sizes[@]}"; do
    IFS=: read -r name count dimension <<<"$entry"
    [[ $dimension != 0 ]] || bench_titles $model "$count"
    once "items and vectors of the search benchmark, $name" "$count $(hash_of benches/peers/search/{data,embedded,numpy}.mjs "${SHOP_SOURCES[@]}")" \
      target/bench/search/$name/queries.f32 bench_search_data "$name" "$count" "$dimension" $model
    once "catalogs of the search benchmark, $name" "$count $(hash_of benches/search benches/peers/search/data.mjs src/index src/index_build "${SHOP_SOURCES[@]}")" \
      target/bench/search/$name/built.json bench_search_catalogs "$name" $binary
  done
}

# bench_titles MODEL COUNT: embeds the titles of the first products of the made-up shop into the cache.
bench_titles() {
  local part
  [[ $1 != models/m3e-small-int8 ]] || m3e_small "$1" --dtype int8
  # The package embeds them. Without the binary that is measured the figures would be another package's.
  build_package "$profile"
  SEARCH_TITLES=$CACHE/bench-search/$(hash_of "$1/corom.json" "${SHOP_SOURCES[@]}" benches/peers/search/data.mjs | sha256sum | head -c 16)-$TITLES_PER_PART
  mkdir -p "$SEARCH_TITLES"
  for ((part = 0; part * TITLES_PER_PART < $2; part++)); do
    [[ -e $SEARCH_TITLES/titles-$part.npy ]] || step "embed titles, part $((part + 1)) of $(($2 / TITLES_PER_PART))" bench_embed_titles "$1" $part
  done
}

# bench_embed_titles MODEL PART
bench_embed_titles() {
  local texts=$SEARCH_TITLES/titles-$2.jsonl
  node benches/peers/search/data.mjs "$SEARCH_TITLES/data" $((($2 + 1) * TITLES_PER_PART)) 0
  tail -n $TITLES_PER_PART "$SEARCH_TITLES/data/texts.jsonl" >"$texts"
  node pkg/bin/corom.js embed "$texts" "$SEARCH_TITLES/part.npy" -m "$1" --force
  mv "$SEARCH_TITLES/part.npy" "$SEARCH_TITLES/titles-$2.npy"
  rm -rf "$texts" "$SEARCH_TITLES/data"
}

# bench_search_data NAME COUNT DIMENSION MODEL: writes items, texts and vectors to target/bench/search/NAME. With
# DIMENSION 0 the vectors are the model's.
bench_search_data() {
  local folder=target/bench/search/$1 bare=()
  [[ $1 != random-1m ]] || bare=(--bare)
  rm -rf "$folder"
  node benches/peers/search/data.mjs "$folder" "$2" "$3" "${bare[@]}"
  [[ $3 == 0 ]] || return 0
  node pkg/bin/corom.js embed "$folder/queries.jsonl" "$folder/queries.npy" -m "$4" --force
  node benches/peers/search/embedded.mjs "$folder" "$2" "$SEARCH_TITLES"
}

# bench_search_catalogs NAME BUILDER: builds the catalogs of target/bench/search/NAME.
bench_search_catalogs() {
  local folder=target/bench/search/$1 items schema dimension keywords=null vectors coded
  items=$folder/items.jsonl schema=$folder/schema.json
  dimension=$(node benches/peers/search/embedded.mjs --dimension "$folder")
  # One catalog is a folder with codes, as a page loads it.
  if [[ $1 == real-10k ]]; then
    coded=$("$2" build "$items" "$schema" "$folder/coded.catalog" "$folder/vectors.f32" "$dimension" codes)
    bench_catalog_folder "$folder/coded.catalog" "$coded"
  fi
  if [[ $1 == random-1m ]]; then
    "$2" nearest "$folder/vectors.f32" "$folder/queries.f32" "$dimension" 10 >"$folder/nearest.json"
  else
    keywords=$("$2" build "$items" "$schema" "$folder/keywords.catalog")
  fi
  vectors=$("$2" build "$items" "$schema" "$folder/vectors.catalog" "$folder/vectors.f32" "$dimension")
  [[ $1 != random-1m ]] || bench_catalog_folder "$folder/vectors.catalog" "$vectors"
  printf '{"keywords":%s,"vector":%s}\n' "$keywords" "$vectors" >"$folder/built.json"
}

# bench_catalog_folder FILE BUILT: links a catalog into a folder beside it, catalog/. BUILT is what its builder printed.
bench_catalog_folder() {
  local folder=${1%/*}/catalog name
  name=$(sed -E 's/.*"hash":"([0-9a-f]+)".*/\1/' <<<"$2").catalog
  rm -rf "$folder" && mkdir "$folder"
  ln "$1" "$folder/$name"
  printf '{"format":1,"files":["%s"]}\n' "$name" >"$folder/catalog.json"
}

# bench_models NAMES: converts each model, writes the peers' files of it, and computes its reference vectors.
bench_models() {
  once "Python for the benchmarks" "$(hash_of benches/peers/prepare/requirements.txt)" "$CACHE/bench-python/bin/python" bench_python
  m3e_checkpoint
  if [[ $1 == *base* ]]; then
    bench_random base
    bench_model base target/bench/base-checkpoint 40
  fi
  [[ $1 != *m3e-small* ]] || bench_model m3e-small "$CACHE/m3e-small" 300
}

# bench_model NAME CHECKPOINT COUNT: prepares one model with reference vectors of COUNT titles.
bench_model() {
  local name=$1 count=$3 folder=$BENCH_MODELS/$1 python=$CACHE/bench-python/bin/python source
  bench_convert "$name" "$2" f32 int8 int4
  source="$(hash_of "$folder/corom-f32/corom.json" benches/peers/prepare benches/peers/catalog.mjs benches/peers/catalog-words.mjs benches/peers/random.mjs)"
  once "peers' files of $name" "$source" "$folder/summary.json" "$python" benches/peers/prepare/onnx_files.py "$folder/corom-f32" "$folder"
  bench_one_file "$folder"
  once "reference vectors of $name" "$source $count" "$folder/reference.json" bench_reference "$folder" "$count"
}

# bench_one_file FOLDER: makes the folder of an export that keeps all float weights in its ONNX file.
bench_one_file() {
  mkdir -p "$1/one-file"
  ln -f "$1/f32.onnx" "$1/one-file/model.onnx"
  cp "$1/corom-f32/config.json" "$1/corom-f32/tokenizer.json" "$1/one-file/"
}

bench_reference() {
  node benches/peers/write-titles.mjs target/bench/titles.json
  "$CACHE/bench-python/bin/python" benches/peers/prepare/reference.py \
    "$1/f32.onnx" "$1/corom-f32/tokenizer.json" target/bench/titles.json "$2" "$1/reference.json"
}

bench_python() {
  need python3 "it makes the peers' model files"
  rm -rf "$CACHE/bench-python"
  python3 -m venv "$CACHE/bench-python" || die "python3 has no venv (Debian: python3-venv)"
  "$CACHE/bench-python/bin/pip" install --quiet --no-deps --only-binary :all: -r benches/peers/prepare/requirements.txt
}

# bench_native: compiles the native program, which embeds with the library.
bench_native() {
  export BENCH_PYTHON=$CACHE/bench-python/bin/python
  step "native program for the benchmarks" with_progress cargo build --quiet --locked --release \
    --manifest-path benches/native/Cargo.toml --target-dir target/bench/native
}

# Compiles the kernels alone, plain and relaxed, within seconds.
bench_kernels() {
  once "kernels for the benchmarks" "$("${WEB_RUSTC:-rustc}" --version) $(hash_of src/encoder src/error.rs .cargo benches/kernels)" \
    target/bench/kernels/relaxed.wasm bench_compile_kernels
}

bench_compile_kernels() {
  local variant built=target/web/$WEB_TARGET/release/corom_kernels_bench.wasm
  mkdir -p target/bench/kernels
  for variant in plain relaxed; do
    local features=()
    [[ $variant == plain ]] || features=(--features relaxed-simd)
    web_cargo build --quiet --release --manifest-path benches/kernels/Cargo.toml "${features[@]}"
    cp $built target/bench/kernels/$variant.wasm
  done
}
