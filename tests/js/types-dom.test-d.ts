// The same, with the DOM's types: what a page can pass.
import { Corom } from "corom";

export async function page(input: HTMLInputElement, file: File, blob: Blob, response: Response): Promise<void> {
  if (input.files) await Corom.load(input.files);
  await Corom.load([file]);
  await Corom.load({ "model.onnx": blob });
  await Corom.load("./model/", { wasm: response });
  await Corom.load("./model/", { wasm: fetch("./corom.wasm") });
  await Corom.load("./model/", { wasm: await WebAssembly.compileStreaming(response) });
  await Corom.load("./model/", { fetch: (url, init) => fetch(url, { ...init, credentials: "include" }) });
  using corom = await Corom.load("./model/", { signal: AbortSignal.timeout(1000) });
  await corom.embed("阔腿裤");
}
