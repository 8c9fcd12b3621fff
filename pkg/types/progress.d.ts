// Progress events of `Corom.load`.

/** A progress event of `Corom.load`. `loaded` and `total` are in bytes. */
export type Progress =
  | {
      /**
       * The WebAssembly binary is being fetched and compiled. Not sent if an earlier load has already compiled the
       * binary, or if the option `wasm` is bytes or a module.
       */
      readonly phase: "wasm";
      readonly file: string;
      /** Bytes of the binary so far. The last event, after compilation, has `loaded` equal to `total`. */
      readonly loaded: number;
      /** Size of the binary in bytes; undefined if unknown. */
      readonly total: number | undefined;
      /** Bytes per second over the last 3 seconds; undefined for the first 0.1 s. */
      readonly rate?: number | undefined;
    }
  | {
      /**
       * - `download`: a model file is being fetched or read from the source.
       * - `verify`: a model file is being read from the cache, and its hash is checked.
       */
      readonly phase: "download" | "verify";
      /** Path of the file in the model folder. */
      readonly file: string;
      /** Bytes of this file so far. */
      readonly fileLoaded: number;
      /** Size of this file in bytes; undefined if unknown. */
      readonly fileTotal: number | undefined;
      /** Bytes of all files so far. */
      readonly loaded: number;
      /**
       * Size of all files in bytes. With a `corom.json`, the total of the manifest. Without one, the total of the files
       * requested so far, and undefined while the size of one of these files is unknown.
       */
      readonly total: number | undefined;
      /** Bytes per second over the last 3 seconds. Only for `download`, and undefined for the first 0.1 s. */
      readonly rate?: number | undefined;
    }
  | {
      /**
       * - `pack`: all files have arrived; the model is being built.
       * - `self-test`: the model embeds the converter's test texts, and the vectors are compared.
       * - `done`: the model is ready.
       */
      readonly phase: "pack" | "self-test" | "done";
      readonly loaded: number;
      readonly total: number | undefined;
    }
  | {
      /** A problem that does not stop the load. */
      readonly phase: "warning";
      /**
       * - `CACHE_FULL`: storage is full. Further downloads are not cached.
       * - `CACHE_FAILED`: the cache cannot be opened, read or written, or does not answer. Loading continues without it.
       * - `OFFLINE`: no server could be reached. The files of an earlier load are used.
       * - `GPU_FALLBACK`: the GPU has failed or cannot run the model, and the CPU runs it. Also sent during later calls.
       * - `ROWS_UNAVAILABLE`: a catalog with `vectors: "codes"` could not read rows, or a search wanted too many. Its
       *   scores are estimates.
       */
      readonly code: "CACHE_FULL" | "CACHE_FAILED" | "OFFLINE" | "GPU_FALLBACK" | "ROWS_UNAVAILABLE";
      readonly message: string;
      readonly cause?: unknown;
    };

/** The progress of a call. */
export interface CallProgress {
  /** Number of texts, or of compared vectors, that are done. */
  readonly done: number;
  /** Number of all of them; undefined for an iterable. */
  readonly total: number | undefined;
  /** Texts per second over the last 3 seconds; undefined if no time has passed. */
  readonly rate: number | undefined;
  /** Estimated time left in seconds; undefined if `total` or `rate` is. */
  readonly secondsLeft: number | undefined;
}
