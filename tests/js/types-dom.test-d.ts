// Types with those of the DOM: the arguments that a page can pass.
import { Corom } from "corom";
import { convert } from "corom/convert";

export async function page(input: HTMLInputElement, file: File, blob: Blob, response: Response): Promise<void> {
  if (input.files) await Corom.load(input.files);
  await Corom.load([file]);
  await Corom.load({ "model.onnx": blob });
  await Corom.load("./model/", { wasm: response });
  await Corom.load("./model/", { wasm: fetch("./corom.wasm") });
  await Corom.load("./model/", { wasm: await WebAssembly.compileStreaming(response) });
  await Corom.load("./model/", { fetch: (url, init) => fetch(url, { ...init, credentials: "include" }) });
  const corom = await Corom.load("./model/", { signal: AbortSignal.timeout(1000) });
  await corom.embed("阔腿裤");
}

/** Uses vectors as a page does: TypeScript 5.7 and later accept only those with an ArrayBuffer. */
export async function store(corom: Corom, device: GpuQueue, database: IDBObjectStore, port: MessagePort): Promise<void> {
  const vectors = await corom.embed(["阔腿裤"]);
  const vector = await corom.embed("阔腿裤");
  new Blob([vectors.data, vectors.row(0), vector, vectors.tokens, ...vectors]);
  device.writeBuffer(0, vectors.data);
  device.writeBuffer(0, vector);
  const stream = new ReadableStream<string>();
  for await (const part of corom.embed(stream, { batchSize: 2 })) part.rows;
  // @ts-expect-error texts only
  corom.embed(new ReadableStream<Uint8Array>());
  database.put(vectors);
  port.postMessage(vectors, [vectors.data.buffer]);
  await fetch("/vectors", { method: "POST", body: vectors.data });
  const scores: BufferSource = await corom.score(vector, vectors);
  void scores;
}

/** The call of WebGPU, whose types are not in every version of TypeScript. */
interface GpuQueue {
  writeBuffer(offset: number, data: BufferSource): void;
}

/** Converts the checkpoint of an <input>, and loads the result. */
export async function convertFiles(input: HTMLInputElement): Promise<void> {
  if (!input.files) return;
  const { files } = await convert(input.files, { dtype: "int8", signal: AbortSignal.timeout(1000) });
  if (files) await Corom.load(files);
}
