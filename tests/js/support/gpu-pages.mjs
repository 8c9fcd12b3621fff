// Pages in Chromium with a GPU that the processor emulates, for the tests gpu-*.test.mjs.
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, afterEach, before, beforeEach } from "node:test";
import { GPU_FLAGS, launchChromium, pageFiles } from "./chromium.mjs";
import { faultServer } from "./fault-server.mjs";
import { rerankerFiles } from "./rerankers.mjs";
import { withManifest } from "./manifest.mjs";
import { FIXTURES, MODEL_FILES, exportFolder, filesOf, golden } from "./paths.mjs";

export const GOLDEN = golden("legacy-op14");
const MODEL = withManifest(exportFolder("legacy-op14"), { pooling: "cls", max_length: GOLDEN.max_length });
/** The same model without a corom.json. */
const PLAIN = filesOf(exportFolder("legacy-op14"), MODEL_FILES);
/** A model with a self-test. */
const TESTED = filesOf(path.join(FIXTURES, "bits/int8"), ["config.json", "corom.json", "model.onnx", "model.onnx_data_000", "tokenizer.json"]);
const RERANKER = rerankerFiles("two-labels");

const served = (folder, files) => Object.entries(files).map(([name, bytes]) => [`${folder}/${name}`, { bytes: Buffer.from(bytes) }]);

/**
 * Opens a page before each test of the calling file, or with `isKept` one for all of them. Returns an object with `page`, `complaints` (errors of the console)
 * and `asked`, the URLs of the requests. In the page there are
 *
 *   load(options, source)   loads the model with `Corom` of browser.js
 *   texts, many             the golden texts, and a list of 80 texts: SwiftShader is slow
 *   gpus                    the devices that were opened: `destroy()` loses the newest one
 *   cosine(a, b, dimension) the least cosine of the rows of two lists
 *   failure(promise)        the error of a rejected promise
 */
export function useGpuPage({ flags = GPU_FLAGS, isKept = false } = {}) {
  const state = {};
  before(async () => {
    const scripts = ["gpu-thread.mjs", "gpu-driver.js"].map((name) => [
      `support/${name}`,
      { bytes: readFileSync(new URL(name, import.meta.url)), headers: { "content-type": "text/javascript" } },
    ]);
    const files = { ...pageFiles(), ...Object.fromEntries([...scripts, ...served("model", MODEL), ...served("plain", PLAIN), ...served("tested", TESTED), ...served("ranking", RERANKER)]) };
    [state.browser, state.site] = await Promise.all([launchChromium(flags), faultServer(files)]);
  });
  after(async () => {
    await state.browser?.close();
    await state.site?.close();
  });
  (isKept ? before : beforeEach)(async () => {
    Object.assign(state, { complaints: [], asked: [] });
    state.context = await state.browser.newContext();
    state.page = await state.context.newPage();
    // Two of the folders have no corom.json, and the browser reports that as an error.
    const isComplaint = (message) => message.type() === "error" && !/404/.test(message.text());
    state.page.on("console", (message) => isComplaint(message) && state.complaints.push(message.text()));
    state.page.on("pageerror", (error) => state.complaints.push(String(error)));
    state.context.on("request", (request) => state.asked.push(request.url()));
    await state.page.goto(`${state.site.address}page.html`);
    await state.page.evaluate(inPage, { texts: GOLDEN.texts, maxLength: GOLDEN.max_length });
  });
  if (!isKept) afterEach(() => state.context.close());
  return state;
}

async function inPage({ texts, maxLength }) {
  const { Corom, CoromReranker } = await import("/pkg/browser.js");
  const load = (options, source = "/model/") => Corom.load(source, { pooling: "cls", maxLength, quality: "float", ...options });
  const many = Array.from({ length: 80 }, (_, i) => `${"阔腿裤女冬".repeat(1 + (i % 5))}${i}`);
  const gpus = [];
  if (globalThis.GPUAdapter) {
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...args) {
      const device = await requestDevice.apply(this, args);
      gpus.push(device);
      return device;
    };
  }
  const cosine = (a, b, dimension) => {
    if (a.length !== b.length) return NaN;
    let least = 1;
    for (let at = 0; at < a.length; at += dimension) {
      let [dot, aa, bb] = [0, 0, 0];
      for (let i = at; i < at + dimension; i++) [dot, aa, bb] = [dot + a[i] * b[i], aa + a[i] ** 2, bb + b[i] ** 2];
      least = Math.min(least, dot / Math.sqrt(aa * bb));
    }
    return least;
  };
  const failure = (promise) =>
    promise.then(
      (value) => ({ value: String(value) }),
      ({ name, code, message, cause }) => ({ name, code, message, cause: cause?.code }),
    );
  const destroy = async () => {
    gpus.at(-1).destroy();
    await gpus.at(-1).lost;
  };
  Object.assign(globalThis, { Corom, CoromReranker, load, texts, many, gpus, cosine, failure, destroy });
}
