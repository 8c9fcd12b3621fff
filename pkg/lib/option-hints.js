// Options of other libraries (transformers.js, sentence-transformers, ModelScope, OpenAI) and of other calls, and what
// to write instead.

const onlyInLoad = (option) => `the model is loaded with it: Corom.load(source, { ${option} })`;
const onlyInReranker = (option) => `the model is loaded with it: CoromReranker.load(source, { ${option} })`;
const pooling = (value) => onlyInLoad(`pooling: ${typeof value === "string" ? JSON.stringify(value) : "…"}`);
const normalize = (value) => onlyInLoad(`normalize: ${value === false ? "false" : "true"}`);
const dimension = "vectors have the model's own dimension, info.dimension";
const device = 'the model is loaded with it: write device: "auto", "wasm" or "webgpu" in load';
const revision = "import { huggingface, modelscope } from \"corom/hub\" and pass huggingface(name, { revision }) as the source";
const maxLength = "texts are cut at maxLength tokens";
const dtypes = { fp32: "fp32", fp16: "fp16", q8: "q8", int8: "q8", q4: "q4" };

/** Names that are not options of `Corom.load`. */
export const LOAD_HINTS = {
  quantized: (value) => `write dtype: ${value === false ? '"fp32"' : '"q8"'}`,
  precision: (value) => (value === "f32" ? 'write quality: "float"' : "write advanced: { precision }"),
  kernel: (value) => (value === "exact" ? 'write quality: "exact"' : "write advanced: { kernel }"),
  simd: "write advanced: { simd }",
  fused: "write advanced: { fused }",
  progress_callback: "write onProgress",
  progressCallback: "write onProgress",
  cache_dir: "write cacheDir",
  use_browser_cache: 'write cache: "auto" or "none"',
  local_files_only: "pass a folder or files as the source",
  revision,
  model_revision: revision,
  model_file_name: "write model, with the file's path in the folder",
  subfolder: "write model, with the file's path in the folder",
  use_external_data_format: "corom finds the data files by itself; leave it out",
  session_options: "corom has no ONNX sessions; see quality and advanced",
  sessionOptions: "corom has no ONNX sessions; see quality and advanced",
  executionProviders: 'write device: "webgpu", "wasm" or "auto"',
  config: "pass the files as the source: { \"config.json\": …, … }",
  max_length: "write maxLength",
  max_seq_length: "write maxLength",
  model_max_length: "write maxLength",
  sequence_length: "write maxLength",
  do_lower_case: "write lowercase",
  normalize_embeddings: "write normalize",
  dimensions: dimension,
  truncate_dim: dimension,
  trust_remote_code: "corom runs no code of a model; leave it out",
  batchSize: "it is an option of embed with an iterable",
  batch_size: "batchSize is an option of embed with an iterable",
  prompt: "it is an option of embed",
  metric: "it is an option of score and rank",
  topK: "it is an option of rank",
  modelscopeVersion: "it is an option of sentenceEmbedding in corom/modelscope",
  worker: 'it is an option of Corom.load of "corom/worker"',
  workers: 'it is an option of Corom.load of "corom/worker"',
  abortTimeout: 'it is an option of Corom.load of "corom/worker"',
};

const noVectors = "a reranker returns scores, not vectors; leave it out";

/** Names that are not options of `CoromReranker.load`. */
export const RERANKER_LOAD_HINTS = {
  ...LOAD_HINTS,
  pooling: noVectors,
  pooling_mode: noVectors,
  normalize: noVectors,
  normalize_embeddings: noVectors,
  dimensions: noVectors,
  truncate_dim: noVectors,
  ignoreHead: "the scores come from the head; leave it out",
  queryCache: "write pairCache",
  num_labels: "the model's files say it; leave it out",
  batchSize: "a list is batched by itself; leave it out",
  batch_size: "a list is batched by itself; leave it out",
  prompt: "a reranker has no prompts; leave it out",
  metric: "a reranker compares no vectors; leave it out",
  topK: "it is an option of rerank",
  budgetMs: "it is an option of rerank",
  modelscopeVersion: "textRanking in corom/modelscope has no versions; leave it out",
  worker: 'it is an option of CoromReranker.load of "corom/worker"',
  workers: 'it is an option of CoromReranker.load of "corom/worker"',
  abortTimeout: 'it is an option of CoromReranker.load of "corom/worker"',
};

/** Names that are not options of a call. */
export const CALL_HINTS = {
  pooling,
  pooling_mode: pooling,
  normalize,
  normalize_embeddings: normalize,
  dtype: (value) => onlyInLoad(`dtype: ${JSON.stringify(dtypes[value] ?? "q8")}`),
  quantized: (value) => onlyInLoad(`dtype: ${value === false ? '"fp32"' : '"q8"'}`),
  quantize: "vectors are 32-bit floats; leave it out",
  precision: 'vectors are 32-bit floats; products: Corom.load(source, { quality: "balanced", "exact" or "float" })',
  quality: onlyInLoad("quality"),
  device,
  maxLength: onlyInLoad("maxLength"),
  max_length: onlyInLoad("maxLength"),
  maxlength: onlyInLoad("maxLength"),
  truncation: `${maxLength}; leave it out`,
  padding: "corom does not pad; leave it out",
  add_special_tokens: "special tokens are always added; leave it out",
  dimensions: dimension,
  truncate_dim: dimension,
  encoding_format: "vectors are 32-bit floats; leave it out",
  batch_size: "corom batches a list by itself; with an iterable, write batchSize",
  batchSize: "it is an option of embed with an iterable of texts; a list of texts is batched by itself",
  prompt_name: (value) => `write prompt: { name: ${JSON.stringify(String(value))} } in embed`,
  prompt: "it is an option of embed; score and rank use the model's prompts for queries and documents",
  metric: "it is an option of score and rank",
  topK: "it is an option of rank",
  top_k: "write topK in rank",
  return_documents: "each result has the document as text; leave it out",
  show_progress_bar: "write onProgress",
  progress_callback: "write onProgress",
  convert_to_tensor: "vectors are Float32Arrays; leave it out",
  convert_to_numpy: "vectors are Float32Arrays; leave it out",
  modelscopeVersion: "it is an option of sentenceEmbedding in corom/modelscope",
  newestWins: "write abortPrevious",
};

/** Names that are not options of a reranker's call. */
export const RERANK_HINTS = {
  dtype: (value) => onlyInReranker(`dtype: ${JSON.stringify(dtypes[value] ?? "q8")}`),
  quality: onlyInReranker("quality"),
  device,
  maxLength: onlyInReranker("maxLength"),
  max_length: onlyInReranker("maxLength"),
  pairCache: onlyInReranker("pairCache"),
  truncation: "pairs are cut at maxLength tokens; leave it out",
  padding: "corom does not pad; leave it out",
  prompt: "a reranker has no prompts; leave it out",
  metric: "a reranker compares no vectors; leave it out",
  batch_size: "a list is batched by itself; leave it out",
  batchSize: "a list is batched by itself; leave it out",
  top_k: "write topK in rerank",
  top_n: "write topK in rerank",
  topN: "write topK in rerank",
  topK: "it is an option of rerank",
  budgetMs: "it is an option of rerank",
  onPartial: "it is an option of rerank",
  timeout: "write budgetMs in rerank, or signal: AbortSignal.timeout(ms)",
  newestWins: "write abortPrevious",
  raw_scores: "each result of rerank has the logit; leave it out",
  activation_fct: "each result of rerank has the logit; leave it out",
  apply_softmax: "scores are probabilities; leave it out",
  return_documents: "each result of rerank has the document as text; leave it out",
  show_progress_bar: "write onProgress",
  progress_callback: "write onProgress",
};
