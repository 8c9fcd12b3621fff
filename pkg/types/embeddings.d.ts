// Vectors: what calls return and accept.

/**
 * A `Float32Array` of one vector. `JSON.stringify` writes it as an array of numbers. TypeScript 5.7 and later see a
 * `Float32Array<ArrayBuffer>`, which `Blob` and WebGPU accept.
 */
export type Vector = ReturnType<Float32ArrayConstructor["from"]>;

/** An array of 32-bit unsigned integers, in TypeScript 5.7 and later with an `ArrayBuffer`. */
export type Integers = ReturnType<Uint32ArrayConstructor["from"]>;

/** A vector as calls accept it. */
export type VectorLike = Float32Array | Float64Array | readonly number[];

/** The form of `Embeddings` after JSON or a structured clone (`postMessage`, IndexedDB). */
export interface EmbeddingsData {
  readonly rows: number;
  readonly dimension: number;
  readonly data: Float32Array | readonly number[];
  readonly tokens?: Uint32Array | readonly number[];
  readonly truncated?: readonly boolean[];
  readonly unknown?: Uint32Array | readonly number[];
}

/** The argument of `Embeddings.from`. */
export type EmbeddingsSource =
  | EmbeddingsData
  | ArrayBuffer
  | ArrayBufferView
  | string
  | readonly number[]
  | readonly (VectorLike | EmbeddingsData)[];

/**
 * Vectors as a row-major matrix `[rows, dimension]`. The object is frozen; its arrays are not.
 *
 * Iterating yields a copy of each row, which can be stored or transferred on its own. `postMessage`, IndexedDB and
 * `structuredClone` make plain objects of `Embeddings`, and JSON makes {@link EmbeddingsData}; `Embeddings.from` reads
 * all of them, and so do `score` and `rank`.
 */
export class Embeddings implements Iterable<Vector> {
  private constructor();

  /**
   * Makes `Embeddings` of vectors that were stored or computed before.
   *
   * - What JSON (also as text) or a structured clone made of `Embeddings`: with the report per text, if there was one.
   * - An array of vectors, or of `Embeddings`, which are joined. Their report is kept if all of them have one.
   * - A single vector: one row; with `dimension`, rows of that length.
   * - Bytes: 32-bit floats, little-endian. `dimension` is required.
   *
   * The `data` of a `Float32Array` is not copied. Throws `INVALID_ARGUMENT` for any other value, for rows of different
   * lengths, and for numbers that are not finite.
   *
   * @param options.dimension Length of a vector.
   *
   * @example
   * const vectors = await corom.embed(["阔腿裤", "牛仔裤"]);
   * const text = JSON.stringify(vectors);
   * Embeddings.from(text).rows; // 2
   * Embeddings.from(new Uint8Array(vectors.data.buffer), { dimension: corom.info.dimension }).rows; // 2
   */
  static from(value: EmbeddingsSource, options?: { dimension?: number | null | undefined } | null): Embeddings;

  /** All `rows × dimension` numbers, row by row. */
  readonly data: Vector;
  /** Number of vectors. */
  readonly rows: number;
  /** Length of a vector. */
  readonly dimension: number;
  /**
   * Number of tokens per text that the vector was computed from, including `[CLS]` and `[SEP]`. Absent, like the two
   * properties below, if the vectors were not computed from texts.
   */
  readonly tokens?: Integers;
  /** True for each text that was cut: it had more than `maxLength` tokens, and the rest has no part in the vector. */
  readonly truncated?: readonly boolean[];
  /**
   * Number of unknown tokens (`[UNK]`) per text: what the vocabulary does not have. Texts that differ only in unknown
   * tokens have the same vector.
   */
  readonly unknown?: Integers;

  /**
   * Returns row `i`, counted from 0, as a view into `data` (not a copy): `slice()` it before it is stored, because
   * IndexedDB and `postMessage` copy the whole buffer of a view. Throws `INVALID_ARGUMENT` if `i` is not a row.
   *
   * @example
   * const vectors = await corom.embed(["阔腿裤", "牛仔裤"]);
   * vectors.row(1).length; // 512
   */
  row(i: number): Vector;

  /** Returns the rows as arrays of numbers. */
  toArray(): number[][];

  /** Returns what `JSON.stringify` writes. */
  toJSON(): EmbeddingsData;

  /** Yields a copy of each row. */
  [Symbol.iterator](): IterableIterator<Vector>;
}

/** The vectors of texts, with the report per text. */
export interface TextEmbeddings extends Embeddings {
  readonly tokens: Integers;
  readonly truncated: readonly boolean[];
  readonly unknown: Integers;
}
