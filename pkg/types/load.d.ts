// Options and sources of `Corom.load`, and the cache.
import type { Progress } from "./progress.js";
import type { AdvancedOptions } from "./quality.js";

/**
 * The pooling that makes one vector of a text. CoROM uses `cls`. All but `graph` pool hidden states, `[tokens, hidden]`.
 *
 * - `cls`: the last layer's hidden state of the `[CLS]` token.
 * - `mean`: the mean of the last layer's hidden states over all tokens.
 * - `max`: the maximum of each element of the last layer's hidden states over all tokens.
 * - `mean_sqrt_len`: the sum of the last layer's hidden states, divided by the square root of the number of tokens.
 * - `weighted_mean`: the mean of the last layer's hidden states, weighted by position: 1, 2, 3 …
 * - `last_token`: the last layer's hidden state of the last token.
 * - `avg_top2`: the mean over all tokens of the averaged hidden states of the last two layers.
 * - `avg_first_last`: the mean over all tokens of the averaged hidden states of the first and the last layer.
 * - `graph`: the vector that the graph returns, an output such as `sentence_embedding`.
 */
export type Pooling =
  | "cls"
  | "mean"
  | "max"
  | "mean_sqrt_len"
  | "weighted_mean"
  | "last_token"
  | "avg_top2"
  | "avg_first_last"
  | "graph";

/**
 * The number type of an export's weights. The words are those of transformers.js and of `corom convert`.
 *
 * - `auto`: an export with 8-bit weights, otherwise float16, f32, 4 bits. With `quality: "float"`: f32, otherwise
 *   float16, 8 bits, 4 bits.
 * - `fp32` or `f32`: `model.onnx`, `model_O1.onnx` to `model_O3.onnx`, `model_optimized.onnx`.
 * - `fp16` or `f16`: `model_fp16.onnx`, `model_O4.onnx`.
 * - `q8`: any 8-bit export: `model_quantized.onnx` and those of `int8` and `uint8`.
 * - `int8`: `model_int8.onnx`, `model_qint8_*.onnx`, `model_quantized.onnx`.
 * - `uint8`: `model_uint8.onnx`, `model_quint8_avx2.onnx`.
 * - `q4`: `model_q4.onnx`, `model_int4.onnx`.
 * - `q4f16`: `model_q4f16.onnx`.
 * - `int4`: any 4-bit export.
 *
 * Each name is looked for at the top of the folder and in `onnx/`. `bnb4` of transformers.js is `INVALID_ARGUMENT`.
 */
export type Dtype =
  | "auto"
  | "fp32"
  | "f32"
  | "fp16"
  | "f16"
  | "q8"
  | "int8"
  | "uint8"
  | "q4"
  | "q4f16"
  | "int4";

/**
 * The comparison of two vectors.
 *
 * - `dot`: inner product; larger is more similar. CoROM was trained with it.
 * - `cosine`: cosine similarity, from -1 to 1; larger is more similar.
 * - `l2`: Euclidean distance; the score is the negative distance, at most 0, and larger is more similar.
 * - `l1`: Manhattan distance; the score is the negative distance, at most 0, and larger is more similar.
 */
export type Metric = "dot" | "cosine" | "l2" | "l1";

/** A `File`, or an object with the same properties. */
export interface FileLike {
  readonly name: string;
  readonly size: number;
  readonly webkitRelativePath?: string;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * The content of one file in memory: bytes, a `Blob`, a `Response` that was not read, or text (encoded as UTF-8). Bytes
 * may belong to another realm or lie in shared memory.
 */
export type FileContents =
  | string
  | ArrayBufferLike
  | ArrayBufferView
  | { readonly size: number; arrayBuffer(): Promise<ArrayBuffer> }
  | { readonly status: number; readonly body: unknown; arrayBuffer(): Promise<ArrayBuffer> };

/**
 * The location of a model. Files are passed to WebAssembly in chunks; no file is held in memory as a whole, except the
 * files that you pass in memory.
 *
 * - A URL of the model folder. A relative URL is resolved against the page. A query string is appended to the URL of
 *   each file. A user name and a password in the URL are sent as the header `Authorization`.
 * - In Node, Deno and Bun: a path of the model folder, or a `file:` URL.
 * - A URL or path of an `.onnx` file. The model folder is then the folder that contains the file, and the option
 *   `model` is set to the file. If the file is in a folder named `onnx` (the layout of transformers.js), the model
 *   folder is the parent folder. The URL of a converted folder's `model.onnx` is equivalent to the URL of the folder.
 * - An array of URLs: mirrors, tried in order. If a mirror does not have a file, fails, or sends a damaged file, the
 *   next mirror is tried. A partial download continues from the next mirror.
 * - Files in memory, keyed by their path in the folder: an object or a `Map`.
 * - A `FileList` or an array of `File`, from `<input type="file">` with `multiple` or `webkitdirectory`.
 */
export type Source =
  | string
  | URL
  | readonly (string | URL)[]
  | { readonly [path: string]: FileContents }
  | ReadonlyMap<string, FileContents>
  | ArrayLike<FileLike>;

/**
 * A WebAssembly binary: a URL, an array of URLs (mirrors, tried in order), a `Response`, bytes, or a compiled
 * `WebAssembly.Module`. In Node, Deno and Bun also a path; a relative path is looked for in the working directory,
 * beside the bundle and beside the program.
 */
export type WasmSource = string | URL | readonly (string | URL)[] | ArrayBufferLike | ArrayBufferView | object;

/** The second argument of the option `fetch`: the properties of `RequestInit` that corom sets. */
export interface FetchInit {
  /**
   * Contains `range` and `if-range` when a download continues; a response with status 200 and the whole file is
   * accepted. Contains `authorization` if the source's URL has a user name or a password, which `url` then lacks.
   */
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  /** The HTTP cache mode. Set in browsers only. */
  readonly cache?: "default" | "no-cache" | "no-store" | "reload";
}

/** The properties of `Response` that corom reads. */
export interface FetchResponse {
  readonly status: number;
  readonly statusText?: string;
  readonly headers: { get(name: string): string | null };
  /** A `ReadableStream` of `Uint8Array`. Any other body is read with `arrayBuffer()`. */
  readonly body: unknown;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** The downloads that are cached on this device. */
export interface ModelCache {
  /**
   * Returns the size of the cache: bytes, and the number of cached files.
   *
   * @param options.cacheDir The folder of the cache. Required in Node, Deno and Bun; not available in browsers.
   *
   * @example
   * await Corom.cache.size(); // { bytes: 24292476, files: 4 }
   */
  size(options?: { cacheDir?: string | URL | null | undefined } | null): Promise<{ bytes: number; files: number }>;
  /**
   * Deletes all cached files. Loads that are running are not affected.
   *
   * @param options.cacheDir The folder of the cache. Required in Node, Deno and Bun; not available in browsers.
   *
   * @example
   * await Corom.cache.clear({ cacheDir: "./models" }); // in Node
   */
  clear(options?: { cacheDir?: string | URL | null | undefined } | null): Promise<void>;
  /**
   * Returns whether a model is completely cached: whether a load of the source would need no download if nothing has
   * changed on the server. The files are not read, so a damaged file counts; a load checks and replaces it. false for
   * files in memory and on disk, which are never cached.
   *
   * @param source The URL or URLs of an earlier load, with the same query string.
   * @param options.cacheDir The folder of the cache. Required in Node, Deno and Bun; not available in browsers.
   *
   * @example
   * await Corom.cache.has("./model/"); // true
   */
  has(source: Source, options?: { cacheDir?: string | URL | null | undefined } | null): Promise<boolean>;
  /**
   * Deletes a model from the cache, except files that another cached model needs. Loads that are running are not
   * affected. Returns whether there was anything to delete.
   *
   * @param source The URL or URLs of an earlier load, with the same query string.
   * @param options.cacheDir The folder of the cache. Required in Node, Deno and Bun; not available in browsers.
   *
   * @example
   * await Corom.cache.delete("./model/"); // true
   */
  delete(source: Source, options?: { cacheDir?: string | URL | null | undefined } | null): Promise<boolean>;
}

export interface LoadOptions {
  /**
   * Maximum length of a text in tokens, including `[CLS]` and `[SEP]`. Longer texts are truncated. At least 2.
   * Default: the model's own limit.
   */
  maxLength?: number | null | undefined;
  /**
   * The pooling; see {@link Pooling}. The vectors of several poolings are concatenated in the order
   * of the array; `graph` stands alone. Modules after the pooling (`ignoreHead`) still run.
   * Default: what the model's files or its graph say; if they do not say, the load fails with `POOLING_UNKNOWN`.
   */
  pooling?: Pooling | readonly Pooling[] | null | undefined;
  /**
   * true: the modules after the pooling are left out (Dense and LayerNorm of sentence-transformers, also in the middle
   * a Normalize). Whether vectors are scaled to length 1 is the option `normalize`. Default: false.
   */
  ignoreHead?: boolean | null | undefined;
  /** true: vectors are scaled to length 1. Default: the model's own setting, otherwise false. */
  normalize?: boolean | null | undefined;
  /**
   * true: text is lower-cased before its tokens are looked up, for vocabularies without capitals, in which `NIKE` is
   * unknown. BERT's normalizer then strips accents too, unless the model's files set `strip_accents`; for another
   * normalizer, text is lower-cased before it. false: text keeps its case. Default: the model's own setting.
   */
  lowercase?: boolean | null | undefined;
  /**
   * true: special tokens in a text are text, so the characters `[SEP]` are several tokens. false: they are the special
   * token. The name is Hugging Face's `split_special_tokens`. Default: the model's own setting, otherwise false.
   */
  splitSpecialTokens?: boolean | null | undefined;
  /**
   * true: after the model is built, it embeds the converter's test texts, and the load fails with `SELF_TEST_FAILED` if
   * the vectors differ. Models without test texts are not tested. false: the self-test is skipped. Default: true.
   */
  selfTest?: boolean | null | undefined;
  /**
   * Path of the `.onnx` file in the model folder. Default: the file that `corom.json` names; without a `corom.json` the
   * file that `dtype` chooses. With a value other than `model.onnx`, `corom.json` is not used.
   */
  model?: string | null | undefined;
  /**
   * The export of the folder that is loaded, by the number type of its weights; see {@link Dtype}. With a `corom.json`,
   * which describes one model, any type but that model's is `INVALID_ARGUMENT`. So is a `model` whose name says another
   * type. Default: `auto`.
   */
  dtype?: Dtype | null | undefined;
  /**
   * Function that fetches the model's files, for example with your own headers, or from a key-value store or bucket.
   * An error that it throws is reported as `FETCH_FAILED` and retried, unless it is a `CoromError`.
   * Default: the global `fetch`.
   *
   * @example
   * const headers = { authorization: "Bearer …" };
   * await Corom.load(url, {
   *   fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } }),
   * });
   */
  fetch?: ((url: string, init: FetchInit) => FetchResponse | Promise<FetchResponse>) | null | undefined;
  /**
   * The place where a browser keeps downloads. Files listed in `corom.json` are cached by their SHA-256, and an interrupted
   * download continues in the next load. Files of a folder without a `corom.json` are cached by the server's `ETag`, or
   * by `Last-Modified` and size; the server is asked for each file's version, and only what changed is downloaded. If
   * the server sends neither, such a folder is not cached. Every file is checked when it is read.
   *
   * - `auto`: OPFS if available, otherwise the Cache API, otherwise no cache.
   * - `opfs`: the origin private file system. `UNSUPPORTED_HOST` if it is not available.
   * - `cache-api`: the Cache API. `UNSUPPORTED_HOST` if it is not available.
   * - `none`: no cache.
   *
   * Default: `auto`. In Node, Deno and Bun, `auto` means the folder `cacheDir`.
   */
  cache?: "auto" | "opfs" | "cache-api" | "none" | null | undefined;
  /** Folder for cached downloads in Node, Deno and Bun: a path or a `file:` URL. Default: downloads are not cached. */
  cacheDir?: string | URL | null | undefined;
  /**
   * Maximum number of retries in a row after a network error or a status such as 503. The count starts again whenever a
   * retry brings at least 256 KiB of new data. Default: 3.
   */
  retries?: number | null | undefined;
  /** Milliseconds without a byte after which a request fails and is retried. `Infinity`: no limit. Default: 30000. */
  stallTimeout?: number | null | undefined;
  /** Signal that aborts the load. Data downloaded so far stays in the cache. Default: the load cannot be aborted. */
  signal?: AbortSignal | null | undefined;
  /** Called with progress events. If it throws, the load is rejected with that error. Default: no progress events. */
  onProgress?: ((progress: Progress) => void) | null | undefined;
  /**
   * The precision and the kernels of matrix products.
   *
   * - `balanced`: int8, or int4 if the file has 4-bit weights, with the fastest kernels of the engine. The bits of a vector
   *   may differ between machines.
   * - `exact`: int8 or int4 with kernels that return the same bits on every machine and in both binaries. For vectors that
   *   are stored and compared with vectors from other machines.
   * - `float`: 32-bit floats: the vectors nearest to PyTorch's. Needs four times the memory and about twice the time.
   *
   * Default: `balanced`.
   */
  quality?: "balanced" | "exact" | "float" | null | undefined;
  /** Single settings that `quality` decides otherwise, for comparisons and for unusual hosts. */
  advanced?: AdvancedOptions | null | undefined;
  /**
   * What runs the model. With `quality: "float"`, vectors of the CPU and of a GPU have a cosine of at least 0.99999 with each
   * other, but not the same bits. Otherwise they differ as int8 products of the CPU differ from floats.
   *
   * - `wasm`, or `cpu`: the CPU.
   * - `webgpu`: the GPU, also one that the processor emulates. `GPU_FAILED` if there is none. If the GPU fails later, or
   *   cannot run this model, the model is loaded for the CPU, which finishes the call.
   * - `auto`: the CPU, and for long lists of texts also the GPU, if there is one and it is faster. Both are measured in
   *   the first long list, and the result is kept in the cache. With `quality: "exact"`, always the CPU.
   *
   * With a GPU, the source must be readable for as long as the instance is used. `info.device`, `info.gpu` and
   * `info.fallback` say what runs the model, and why. Default: `wasm`.
   *
   * @example
   * const corom = await Corom.load("./model/", { device: "auto" });
   * corom.info.fallback; // "WebGPU finds no GPU here: …"
   */
  device?: "auto" | "wasm" | "cpu" | "webgpu" | null | undefined;
  /**
   * The WebAssembly binary, or a promise of it, for hosts where it is not served beside this package's JavaScript. If
   * the promise is rejected, the load fails with `FETCH_FAILED` and the rejection as its `cause`. `retries` and
   * `stallTimeout` apply to the binary's download too. Loads at the same time fetch and compile it once.
   * Default: the binary of this package that `simd` selects.
   */
  wasm?: WasmSource | Promise<WasmSource> | null | undefined;
  /**
   * Maximum number of vectors in the query cache. It keeps the vectors of recent calls with a single text and of recent
   * queries, up to 1024 UTF-16 code units long. 0: no query cache. Default: 256.
   */
  queryCache?: number | null | undefined;
}
