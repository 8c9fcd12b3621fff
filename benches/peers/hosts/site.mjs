// Serves everything that Chromium loads, and counts the bytes. It sends no headers for cross-origin isolation, as most
// sites, so no system gets threads.
import { createReadStream, readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { MODELS, PACKAGES, PEERS, ROOT, SEARCH_MODEL, WORK } from "./files.mjs";

const FOLDERS = {
  "/bench/": PEERS,
  "/pkg/": path.join(ROOT, "pkg"),
  "/packages/": PACKAGES,
  "/models/": MODELS,
  "/search/": path.join(WORK, "search"),
  "/search-model/": SEARCH_MODEL,
};
const TYPES = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".json": "application/json",
};

// transformers.js imports two packages by name; a bundler resolves them to the same files.
const NESTED = "/packages/@huggingface/transformers/node_modules";
const IMPORTS = {
  "@huggingface/transformers": "/packages/@huggingface/transformers/dist/transformers.web.js",
  "onnxruntime-web/webgpu": `${NESTED}/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs`,
  "onnxruntime-common": "/packages/onnxruntime-common/dist/esm/index.js",
};
const PAGE = `<!doctype html><meta charset="utf-8"><title>bench</title><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>`;

export async function serveSite() {
  const log = [];
  const server = createServer((request, response) => answer(request, response, log).catch(() => response.destroy()));
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    address: `http://127.0.0.1:${server.address().port}/`,
    sent: () => totals(log.splice(0)),
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

async function answer(request, response, log) {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname === "/") return response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
  const file = fileOf(decodeURIComponent(pathname));
  const found = file && (await stat(file).catch(() => null));
  if (!found?.isFile()) return response.writeHead(404).end("there is no such file");
  const { start, end } = rangeOf(request.headers.range, found.size);
  const isPart = end - start < found.size;
  log.push({ pathname, file, size: end - start });
  response.writeHead(isPart ? 206 : 200, {
    "content-type": TYPES[path.extname(file)] ?? "application/octet-stream",
    "content-length": end - start,
    "cache-control": "no-store",
    "accept-ranges": "bytes",
    ...(isPart ? { "content-range": `bytes ${start}-${end - 1}/${found.size}` } : {}),
  });
  if (end === start) return response.end();
  createReadStream(file, { start, end: end - 1, highWaterMark: 1 << 20 }).pipe(response);
}

/** Returns the bytes that a request asks for: from `start` to before `end`. */
export function rangeOf(header, size) {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(header ?? "") ?? [];
  const [start, end] = [Number(from ?? 0), to ? Math.min(size, Number(to) + 1) : size];
  return start < end ? { start, end } : { start: 0, end: size };
}

function fileOf(pathname) {
  const folder = Object.keys(FOLDERS).find((prefix) => pathname.startsWith(prefix));
  if (!folder || pathname.split("/").includes("..")) return null;
  return path.join(FOLDERS[folder], pathname.slice(folder.length));
}

const gzipped = new Map();
function gzipSize(file) {
  if (!gzipped.has(file)) gzipped.set(file, gzipSync(readFileSync(file), { level: 9 }).length);
  return gzipped.get(file);
}

/** Returns the size of code compressed with gzip -9, and of the model as it is: weights hardly shrink. */
function totals(log) {
  const sent = { wasm: 0, wasmGzip: 0, script: 0, scriptGzip: 0, model: 0, catalog: 0 };
  for (const { pathname, file, size } of log) {
    if (pathname.startsWith("/bench/")) continue;
    if (/^\/(models|search-model)\//.test(pathname)) sent.model += size;
    else if (pathname.startsWith("/search/")) sent.catalog += size;
    else {
      const kind = pathname.endsWith(".wasm") ? "wasm" : "script";
      sent[kind] += size;
      sent[`${kind}Gzip`] += gzipSize(file);
    }
  }
  return sent;
}
