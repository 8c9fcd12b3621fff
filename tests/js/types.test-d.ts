// Never run: `tsc --strict` reads it. What must not compile is marked @ts-expect-error.
import { Corom, CoromError, Embeddings } from "corom";
import type {
  CallProgress,
  CoromErrorCode,
  Decision,
  EmbeddingsData,
  FetchInit,
  Info,
  Metric,
  Pooling,
  Progress,
  Ranked,
  RankedText,
  Source,
  TextEmbeddings,
  Tokens,
  Vector,
} from "corom";
import { huggingface, modelscope } from "corom/hub";
import { convert, inspect } from "corom/convert";
import { Catalog, type CatalogInfo, type SearchResult } from "corom/search";
import { Catalog as CatalogInWorker } from "corom/search-worker";
import { sentenceEmbedding, type PipelineOutput } from "corom/modelscope";
import { Corom as CoromInWorker, CoromError as ErrorInWorker, type WorkerInfo } from "corom/worker";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare class Worker {
  constructor(url: string); // neither Node's types nor the DOM's are in both configurations
}
declare function same<A, B>(equal: Equal<A, B>): void;

export async function load(signal: AbortSignal): Promise<Corom> {
  await Corom.load("./model/");
  await Corom.load(new URL("https://example.com/model/"));
  await Corom.load({ "config.json": "{}", "model.onnx": new Uint8Array(1), "tokenizer.json": new ArrayBuffer(1) });
  await Corom.load(new Map([["model.onnx", new Uint8Array(1)]]));
  await Corom.load({ "model.onnx": new DataView(new ArrayBuffer(1)) });
  // @ts-expect-error a source is needed
  await Corom.load();
  // @ts-expect-error no source
  await Corom.load(5);
  // @ts-expect-error no such pooling
  await Corom.load("./model/", { pooling: "sum" });
  // @ts-expect-error a number of tokens
  await Corom.load("./model/", { maxLength: "128" });
  // @ts-expect-error no such option
  await Corom.load("./model/", { maxlength: 128 });
  // @ts-expect-error no such quality
  await Corom.load("./model/", { quality: "best" });
  // @ts-expect-error it is a setting of advanced
  await Corom.load("./model/", { kernel: "exact" });
  await Corom.load("./model/", { quality: null, maxLength: undefined, advanced: { fused: false } });
  // @ts-expect-error no such device
  await Corom.load("./model/", { device: "gpu" });
  const devices: ("wasm" | "webgpu")[] = await Corom.devices();
  const onGpu = await Corom.load("./model/", { device: devices[0], advanced: { gpu: { requestAdapter: async () => null } } });
  same<"wasm" | "webgpu", typeof onGpu.info.device>(true);
  const reason: string | undefined = onGpu.info.fallback ?? onGpu.info.gpu;
  await Corom.load("./model/", { device: "auto", onProgress: (event) => event.phase === "warning" && event.code === "GPU_FALLBACK" && reason });
  // @ts-expect-error there is no public constructor
  new Corom();
  return Corom.load("./model/", {
    maxLength: 128,
    pooling: "cls",
    normalize: false,
    selfTest: true,
    model: "onnx/model.onnx",
    queryCache: 0,
    signal,
    quality: "exact",
    advanced: { simd: "auto" },
    wasm: Promise.resolve(new URL("https://example.com/corom.wasm")),
    onProgress(progress) {
      same<typeof progress, Progress>(true);
      if (progress.phase === "warning") return void [progress.code === "CACHE_FULL", progress.message, progress.cause];
      same<number | undefined, typeof progress.total>(true);
      if (progress.phase === "download") same<string, typeof progress.file>(true);
      if (progress.phase === "verify") same<number | undefined, typeof progress.rate>(true);
      // @ts-expect-error only downloads and the wasm have a file
      else if (progress.phase === "self-test") progress.file;
    },
  });
}

export async function sources(signal: AbortSignal): Promise<void> {
  await Corom.load(["https://a.example/model/", new URL("https://b.example/model/")], {
    retries: 0,
    stallTimeout: 500,
  });
  await Corom.load("https://a.example/model/", { cache: "opfs" });
  await Corom.load("https://a.example/model/", { cacheDir: new URL("file:///tmp/models/") });
  // @ts-expect-error no such cache
  await Corom.load("https://a.example/model/", { cache: "disk" });
  await Corom.load("https://a.example/model/", { fetch });
  const values = new Map([["https://a.example/model/config.json", new Uint8Array(1)]]);
  await Corom.load("https://a.example/model/", {
    fetch(url, init) {
      same<[string, FetchInit], [typeof url, typeof init]>(true);
      const value = values.get(url);
      return value ? new Response(value) : new Response(null, { status: 404 });
    },
    signal,
  });
  // @ts-expect-error a Response is due
  await Corom.load("https://a.example/model/", { fetch: async () => new Uint8Array(1) });
  const { bytes, files } = await Corom.cache.size();
  same<[number, number], [typeof bytes, typeof files]>(true);
  await Corom.cache.clear({ cacheDir: "/tmp/models" });
}

export async function use(corom: Corom, signal: AbortSignal): Promise<void> {
  same<Info, typeof corom.info>(true);
  same<readonly Decision[], typeof corom.info.settings>(true);
  same<number, typeof corom.info.dimension>(true);
  same<Pooling | readonly Pooling[], typeof corom.info.pooling>(true);
  // @ts-expect-error frozen
  corom.info.dimension = 5;

  const vector = await corom.embed("阔腿裤");
  same<Vector, typeof vector>(true);
  const vectors = await corom.embed(["阔腿裤"]);
  same<TextEmbeddings, typeof vectors>(true);
  const either: string | string[] = Math.random() > 0.5 ? "a" : ["b"];
  const of: Vector | TextEmbeddings = await corom.embed(either);
  const data: Float32Array = vectors.data;
  const tokensPerText: Uint32Array = vectors.tokens;
  async function* titles(): AsyncGenerator<string> {
    yield "a";
  }
  for await (const part of corom.embed(titles(), { batchSize: 2, signal })) same<TextEmbeddings, typeof part>(true);
  for await (const part of corom.embed(new Set(["a"]))) part.unknown;
  // @ts-expect-error texts only
  corom.embed(new Set([1]));
  // @ts-expect-error batchSize is for iterables
  await corom.embed(["a"], { batchSize: 2 });
  await corom.embed(["a"], { onProgress: (progress) => same<typeof progress, CallProgress>(true) });
  const row: Float32Array = vectors.row(0);
  for (const each of vectors) each.length;
  await corom.embed(["阔腿裤", "手机"] as const, { signal, abortPrevious: true });
  // @ts-expect-error texts only
  await corom.embed([1]);
  // @ts-expect-error texts only
  await corom.embed([["a"]]);

  const scores = await corom.score("阔腿裤", ["手机"], { metric: "cosine", signal });
  const first: number | undefined = scores[0];
  // @ts-expect-error a list is due
  await corom.score("阔腿裤", "手机");
  // @ts-expect-error no such metric
  await corom.score("阔腿裤", ["手机"], { metric: "cos" });
  const metric: Metric = "l2";

  const ranked = await corom.rank("阔腿裤", ["手机"], { topK: 10, metric, signal });
  same<RankedText[], typeof ranked>(true);
  const [{ index, score, text }] = ranked as [RankedText];
  same<[number, number, string], [typeof index, typeof score, typeof text]>(true);

  const byVectors = await corom.rank(vector, vectors, { topK: 10, metric });
  same<Ranked[], typeof byVectors>(true);
  await corom.rank([0.5, 1], [[0.5, 1], new Float32Array(2)]);
  await corom.score("a", [...vectors]);
  await corom.score(vectors, vectors.toJSON());
  // @ts-expect-error a text or a vector
  await corom.score(5, vectors);
  // @ts-expect-error texts or vectors
  await corom.rank("a", [5]);

  const kept = await corom.keep(vectors, { signal });
  await corom.rank("a", kept, { topK: 1 });
  await corom.score(vector, kept);
  // @ts-expect-error a single vector is no list
  await corom.keep(5);
  kept.free();

  const pipeline = sentenceEmbedding(corom);
  const output = await pipeline(
    { source_sentence: ["a"], sentences_to_compare: ["b"] },
    { modelscopeVersion: "latest", signal },
  );
  same<number[], typeof output.scores>(true);
  await pipeline({ source_sentence: "a" });
  // @ts-expect-error a source is needed
  await pipeline({ sentences_to_compare: ["b"] });

  const tokens = await corom.tokenize("阔腿裤", { signal });
  same<Tokens, typeof tokens>(true);
  const [start, end] = tokens.offsets[0] as [number, number];
  corom.free();
  corom[Symbol.dispose]();
  void [data, row, first, start, end, of, tokensPerText];
}

export async function inWorker(signal: AbortSignal): Promise<void> {
  const corom = await CoromInWorker.load("./model/", { signal, abortTimeout: Infinity, worker: "./worker-thread.js" });
  await CoromInWorker.load("./model/", { worker: () => new Worker("./worker-thread.js"), maxLength: 64 });
  // @ts-expect-error no such option here
  await Corom.load("./model/", { abortTimeout: 5 });
  // @ts-expect-error a URL, or a function
  await CoromInWorker.load("./model/", { worker: 5 });
  // @ts-expect-error there is no public constructor
  new CoromInWorker();
  await CoromInWorker.load("./model/", { workers: 2 });
  // @ts-expect-error no such option here
  await Corom.load("./model/", { workers: 2 });
  // @ts-expect-error a number
  await CoromInWorker.load("./model/", { workers: "auto" });
  same<WorkerInfo, typeof corom.info>(true);
  const info: Info & { workers: number; workerMemory: number } = corom.info;
  const vectors = await corom.embed(["阔腿裤"], { abortPrevious: true, signal });
  same<TextEmbeddings, typeof vectors>(true);
  for await (const part of corom.embed(new Set(["a"]))) part.rows;
  const scores: Float32Array = await corom.score("阔腿裤", ["手机"], { metric: "l2" });
  const ranked = await corom.rank("阔腿裤", ["手机"], { topK: 1 });
  same<RankedText[], typeof ranked>(true);
  const output: PipelineOutput = await sentenceEmbedding(corom)({ source_sentence: "a" }, { modelscopeVersion: "1.2" });
  const tokens = await corom.tokenize("阔腿裤");
  same<Tokens, typeof tokens>(true);
  const unloaded: Promise<void> = corom.unload();
  corom.free();
  corom[Symbol.dispose]();
  same<typeof CoromError, typeof ErrorInWorker>(true);
  void [scores, output, unloaded];
}

export function stored(vectors: TextEmbeddings, bytes: Uint8Array): void {
  const data: EmbeddingsData = vectors.toJSON();
  const numbers: number[][] = vectors.toArray();
  for (const value of [vectors, data, numbers, JSON.stringify(vectors), [vectors, vectors]]) {
    same<Embeddings, ReturnType<typeof Embeddings.from>>(true);
    Embeddings.from(value);
  }
  Embeddings.from(bytes, { dimension: 2 });
  Embeddings.from(vectors.row(0));
  const tokens: Uint32Array | undefined = Embeddings.from(data).tokens;
  // @ts-expect-error there is no public constructor
  new Embeddings();
  void tokens;
}

export async function converted(folder: string): Promise<void> {
  const { manifest, report, files, storedDtype } = await convert(folder, { out: "out", dtype: "int8", pooling: ["cls", "mean"] });
  await convert(new URL("file:///checkpoint"), { onProgress: ({ phase, loaded, total }) => void [phase, loaded, total] });
  const { files: made } = await convert({ "config.json": "{}", "model.safetensors": new Uint8Array(8) });
  if (made) await Corom.load(made);
  const lines: string[] = await inspect(folder, { check: true, onLine: (line) => void line.length });
  // @ts-expect-error no such number type
  await convert(folder, { dtype: "int3" });
  void [manifest, report, files, storedDtype, lines];
}

export function errors(error: unknown): CoromErrorCode | undefined {
  if (!(error instanceof CoromError)) return undefined;
  const asError: Error = error;
  // @ts-expect-error no such code
  if (error.code === "NO_SUCH_CODE") return undefined;
  same<"CoromError", typeof error.name>(true);
  void [asError.message, error.cause];
  return error.code;
}

// corom/hub
const hubSources: Source[] = [
  huggingface("owner/name"),
  modelscope("owner/name", { revision: "v1", host: ["https://a.example", new URL("https://b.example")] }),
];
void Corom.load(hubSources[0]!, { wasm: ["https://a.example/corom.wasm", new URL("https://b.example/corom.wasm")] });
// @ts-expect-error: a revision is a text
huggingface("owner/name", { revision: 5 });
const shared: Source = { "model.onnx": new SharedArrayBuffer(1), "config.json": new Response("{}") };


async function search(corom: Corom, bytes: Uint8Array) {
  const shop = (await Catalog.load("./catalog/", { retries: 1, onProgress: ({ phase }) => void phase })).attach(corom);
  await Catalog.load(bytes, null);
  await Catalog.load(["https://a.example/c/", new URL("https://b.example/c/")]);
  const result = await shop.search("阔腿裤", {
    filter: { price: { gte: 10, lt: 99 }, shop: ["东店"], or: [{ stock: true }, { not: { tags: "冬" } }] },
    facets: ["shop", { attribute: "price", ranges: [0, 100] }],
    sort: "price:desc",
    boost: { sales: 0.3 },
    topK: null,
  });
  same<typeof result, SearchResult>(true);
  const score: number = result.hits[0]!.score;
  const range: readonly [number, number] = result.hits[0]!.highlights["title"]![0]!;
  same<typeof shop.info, CatalogInfo>(true);
  await shop.search(new Float32Array(3), { mode: "semantic" });
  // @ts-expect-error: no such mode
  await shop.search("x", { mode: "vector" });
  // @ts-expect-error: no such option
  await shop.search("x", { limit: 3 });
  // @ts-expect-error: made by Catalog.load only
  new Catalog();
  const other = await CatalogInWorker.load("./catalog/", { vectors: "later", cache: "opfs", worker: new URL("https://a.example") });
  // @ts-expect-error: workers: an option of corom/worker
  await CatalogInWorker.load("./catalog/", { workers: 2 });
  other.attach(corom, { reranker: null }).attach({ rerank: async () => [] });
  other.attach(corom, { prompt: "query" }).attach(corom, { prompt: { text: "" }, reranker: null });
  // @ts-expect-error: a prompt has a name or a text
  other.attach(corom, { prompt: 3 });
  await other.ready;
  const reranked = await other.search("x", { rerank: { depth: 5, budgetMs: 9, onPartial: ({ hits }, { done }) => void [hits, done] } });
  same<typeof reranked.hits[0]["scores"]["rerank"], number | null | undefined>(true);
  same<CatalogInfo, Awaited<ReturnType<typeof shop.update>>>(true);
  await Catalog.cache.has("./catalog/");
  return [score, range, await shop.similar("p1"), await shop.suggest("阔", { limit: 3 }), await shop.item("p1")];
}
void search;
