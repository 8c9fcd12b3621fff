// Types of `corom/convert`: converts checkpoints and ONNX exports to model folders, without Rust.
export { CoromError } from "./index.js";
export type { CoromErrorCode } from "./index.js";
import type { FileContents, FileLike, WasmSource } from "./types/load.js";

/** The number type of the weights: exact, a quarter of the size, a sixth of the size. */
export type ConvertDtype = "f32" | "int8" | "int4";

/** A folder: in Node, Deno and Bun also a path or a `file:` URL, of the folder or of an `.onnx` file. */
export type ConvertSource =
  | string
  | URL
  | ArrayLike<FileLike>
  | ReadonlyMap<string, FileContents>
  | { readonly [path: string]: FileContents };

/**
 * - `wasm`: the converter is being fetched and compiled.
 * - `convert`: `loaded` of `total` weights (numbers) have been converted.
 * - `self-test`: `loaded` of `total` bytes of the new folder have been read.
 * - `done`: everything is converted and tested; the folder appears next.
 */
export interface ConvertProgress {
  phase: "wasm" | "convert" | "self-test" | "done";
  loaded: number;
  total: number | undefined;
}

export interface ConvertOptions {
  /**
   * Node, Deno and Bun: the model folder to write, a path or a `file:` URL. It appears complete or not at all. Without
   * it, and in browsers, the result has the files.
   */
  out?: string | URL | null | undefined;
  /** Replaces the model folder `out` if it exists. Default: `false`. */
  force?: boolean | null | undefined;
  /** The number type of the weights. Default: `"f32"`. */
  dtype?: ConvertDtype | null | undefined;
  /** The pooling of hidden states into one vector: a name or several. Default: what the checkpoint says. */
  pooling?: string | readonly string[] | null | undefined;
  /** The number of tokens that texts are cut to. Default: what the checkpoint says. */
  maxLength?: number | null | undefined;
  /** True if vectors are L2-normalized. Default: what the checkpoint says. */
  normalize?: boolean | null | undefined;
  /** The weights to convert if the folder has a checkpoint and an ONNX export. Default: the checkpoint. */
  from?: "checkpoint" | "onnx" | null | undefined;
  /** Leaves out layers after the pooling, or a head that corom does not run. Default: `false`. */
  ignoreHead?: boolean | null | undefined;
  /**
   * Keeps only the tokens that these texts use, special tokens, and those of one ASCII character: the model is smaller. A
   * text that uses only kept tokens keeps its vector. Default: the whole vocabulary.
   */
  keepVocab?: readonly string[] | null | undefined;
  /**
   * The most bytes of a file `model.onnx_data_…`: from 65,536, and in int4 at least those of the largest 4-bit weight.
   * Default: 24 MiB.
   */
  maxShardSize?: number | null | undefined;
  /** Called with progress events. If it throws, the conversion is rejected with that error. */
  onProgress?: ((event: ConvertProgress) => void) | null | undefined;
  /** Aborts the conversion: its worker ends, and nothing is written. */
  signal?: AbortSignal | null | undefined;
  /** `corom-convert.wasm`, where it is not beside the package's JavaScript: a URL, bytes or a module. */
  wasm?: WasmSource | Promise<WasmSource> | null | undefined;
  /** The worker's script, where a bundler does not find it: a URL, or a function that starts the worker. */
  worker?: (string | URL | (() => object)) | null | undefined;
}

/** The content of a file of the new folder: a `Blob` in browsers, otherwise a `Uint8Array`. */
export type ConvertedFile = Uint8Array | { readonly size: number; readonly type: string; arrayBuffer(): Promise<ArrayBuffer> };

export interface Conversion {
  /** The manifest, as written to `corom.json`. */
  manifest: Record<string, unknown>;
  /** The configuration of the encoder, as written to `config.json`. */
  config: Record<string, unknown>;
  /** The file that the weights come from, a path in the source. */
  weights: string;
  /** The number type of the weights in an ONNX export; `null` for a checkpoint. */
  storedDtype: string | null;
  /** Tensors of a head that was left out. */
  ignoredTensors: string[];
  /** A description of the folder, in words. */
  report: string[];
  /** The files of the model folder by path, without `out`: Blobs in browsers, otherwise bytes. `Corom.load` takes them. */
  files?: Record<string, ConvertedFile>;
}

/**
 * Converts a checkpoint from ModelScope or Hugging Face, or an ONNX export, to a model folder. The bytes are those of
 * the native command. The conversion runs in a worker of its own, reads the source by ranges, and never holds it as a
 * whole. Rejects with the errors of the converter: a graph that corom's own reader does not know is
 * `UNSUPPORTED_OPERATOR` or `UNSUPPORTED_MODEL`; only the native command tries tract-onnx then.
 *
 * @example
 * import { convert } from "corom/convert";
 * const { report } = await convert("checkpoints/m3e-small", { out: "models/m3e", dtype: "int8", pooling: "mean" });
 * report[0]; // "4 layers × 512, 8 heads, vocabulary 21128, int8"
 *
 * @example
 * // In a page: files of an <input type="file" webkitdirectory>.
 * const { files } = await convert(input.files, { dtype: "int8" });
 * const corom = await Corom.load(files);
 */
export function convert(source: ConvertSource, options?: ConvertOptions): Promise<Conversion>;

export interface InspectOptions {
  /** Also runs the self-test. Default: `false`. */
  check?: boolean | null | undefined;
  /** Called with each line of the report, as soon as it is known. */
  onLine?: ((line: string) => void) | null | undefined;
  signal?: AbortSignal | null | undefined;
  wasm?: WasmSource | Promise<WasmSource> | null | undefined;
  worker?: (string | URL | (() => object)) | null | undefined;
}

/**
 * Says what a model folder is, and checks the size and SHA-256 of every file. Returns the lines of the report. Rejects
 * with `MISSING_FILE` or `INTEGRITY_MISMATCH` if a file is missing or damaged, after all files were checked.
 *
 * @example
 * import { inspect } from "corom/convert";
 * const lines = await inspect("models/m3e");
 * lines[2]; // "dtype         int8"
 */
export function inspect(source: ConvertSource, options?: InspectOptions): Promise<string[]>;
