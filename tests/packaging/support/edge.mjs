// Runs examples/edge in workerd as wrangler deploys it: bundled, with the bindings of wrangler.jsonc.
import { once } from "node:events";
import { cpSync, linkSync, mkdirSync, mkdtempSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { Miniflare } from "miniflare";
import WebSocket from "ws";
import { bundleForEdge } from "./edge-bundle.mjs";
import { ROOT, WORKSPACE } from "./places.mjs";

export const TOKEN = "a-token-of-the-test";
const folder = mkdtempSync(path.join(WORKSPACE, "projects/edge-"));
cpSync(path.join(ROOT, "examples/edge"), folder, { recursive: true });
const config = JSON.parse(readFileSync(path.join(folder, "wrangler.jsonc"), "utf8").replace(/^\s*\/\/.*$/gm, ""));
/** The bundled modules; the first one is the script. */
export const { modules } = await bundleForEdge(folder, config.main, ["workerd", "worker", "browser"]);

/** The folder of a reranker in the assets. */
export const RERANKER_PATH = "ranking";
/** The folder of a catalog in the assets. */
export const CATALOG_PATH = "catalog";

/**
 * Starts the service. The model is the folder `model` as static assets, the folder `bucket` as an R2 bucket, or what the
 * function `assets` answers. `reranker` and `catalog` are folders, beside the model. `vectorize` is the script of a
 * wrapped binding in place of an index. `vars` override those of wrangler.jsonc.
 */
export async function startService({ model, reranker, catalog, bucket, assets, vectorize, vars = {} }) {
  const folders = { [config.vars.MODEL_PATH]: model, [RERANKER_PATH]: reranker, [CATALOG_PATH]: catalog };
  const main = {
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags,
    modules,
    // "float" gives PyTorch's vectors for the small model; the real models are tested with "balanced".
    bindings: { ...config.vars, TOKEN, QUALITY: "float", ...vars },
    ...(model && { assets: asAssets(folders) }),
    ...(assets && { serviceBindings: { [config.assets.binding]: assets } }),
    ...(bucket && { r2Buckets: ["BUCKET"] }),
    ...(vectorize && { wrappedBindings: { VECTORIZE: "vectorize" } }),
  };
  const service = new Miniflare({
    host: "127.0.0.1",
    inspectorHost: "127.0.0.1",
    inspectorPort: 0,
    ...(vectorize ? { workers: [{ name: "main", ...main }, { name: "vectorize", modules: true, script: vectorize }] } : main),
  });
  const address = await service.ready;
  if (bucket) {
    const r2 = await service.getR2Bucket("BUCKET");
    for (const [where, from] of Object.entries({ ...folders, [config.vars.MODEL_PATH]: bucket })) {
      for (const name of from ? filesIn(from) : []) await r2.put(`${where}/${name}`, new Uint8Array(readFileSync(path.join(from, name))));
    }
  }
  return {
    address,
    /** Sends a request and returns the response; `body` is sent as JSON unless it is a string or bytes. */
    ask(where, body, { token = TOKEN, method = body === undefined ? "GET" : "POST", ...rest } = {}) {
      const raw = typeof body === "string" || body === undefined || body instanceof Uint8Array;
      const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
      const send = () => fetch(new URL(where, address), { method, headers, body: raw ? body : JSON.stringify(body), ...rest });
      // workerd may close a connection that was idle at the moment when it is used again.
      return send().catch((error) => (error.cause?.code === "UND_ERR_SOCKET" ? send() : Promise.reject(error)));
    },
    /** Returns the resident bytes of workerd: this isolate, miniflare's own ones and the runtime. */
    resident: () => residentOf(workerdProcess()),
    /** Returns the bytes of JavaScript in the service's isolate: objects and buffers, without WebAssembly's memory. */
    heap: async () => heapOf(await service.getInspectorURL()),
    stop: () => service.dispose(),
  };
}

/** Returns the names of the files in a folder, without subfolders: a model folder has none. */
export const filesIn = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));

/** Returns miniflare's setting for folders of models, by the path at which the service finds them. */
function asAssets(models) {
  const directory = mkdtempSync(path.join(WORKSPACE, "assets-"));
  for (const [where, model] of Object.entries(models)) {
    if (model === undefined) continue;
    const inside = path.join(directory, where);
    mkdirSync(inside, { recursive: true });
    for (const name of filesIn(model)) {
      try {
        linkSync(path.join(model, name), path.join(inside, name));
      } catch {
        cpSync(path.join(model, name), path.join(inside, name)); // on another disk
      }
    }
  }
  return {
    directory,
    binding: config.assets.binding,
    routerConfig: { has_user_worker: true, invoke_user_worker_ahead_of_assets: config.assets.run_worker_first },
  };
}

/** Returns the bytes of JavaScript in the isolate of a Miniflare: objects and buffers, without WebAssembly's memory. */
export async function heapOf(inspector) {
  const list = await fetch(new URL("/json", String(inspector).replace("ws:", "http:")));
  const { webSocketDebuggerUrl } = (await list.json()).find(({ id }) => id === "core:user:");
  const socket = new WebSocket(webSocketDebuggerUrl);
  try {
    await once(socket, "open");
    socket.send(JSON.stringify({ id: 1, method: "Runtime.getHeapUsage" }));
    const [answer] = await once(socket, "message");
    const { usedSize, embedderHeapUsedSize, backingStorageSize } = JSON.parse(answer).result;
    return usedSize + embedderHeapUsedSize + backingStorageSize;
  } finally {
    socket.terminate();
  }
}

/** Returns the process id of the one workerd that this process started. */
function workerdProcess() {
  const own = readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    const [, parent] = statusOf(name).match(/^PPid:\s+(\d+)$/m) ?? [];
    return Number(parent) === process.pid && /^Name:\s+workerd$/m.test(statusOf(name));
  });
  if (own.length !== 1) throw new Error(`${own.length} processes of workerd, where one is expected`);
  return own[0];
}

const residentOf = (pid) => Number(statusOf(pid).match(/^VmRSS:\s+(\d+) kB$/m)[1]) * 1024;

function statusOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return ""; // the process has ended
  }
}
