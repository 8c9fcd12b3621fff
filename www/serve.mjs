// Serves the demo on this machine:  node www/serve.mjs MODEL_FOLDER [--catalog DIR] [--reranker DIR] [--port N]
//
// The pages are at /, the npm package at /pkg/, the model at /model/, the catalog of the shop at /catalog/. This is a small
// static server for local use. It sends the headers that a production site should send, and as such a site should, it
// sends few files: linked-modules.mjs has the modules that come as one file with all that they import.
import { createReadStream, existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { pipeline } from "node:stream";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LinkedModules } from "./linked-modules.mjs";

const DEFAULT_PORT = 8080;
const WWW_FOLDER = path.dirname(fileURLToPath(import.meta.url));
/** The npm package: the folder above in the published package, and pkg/ in a checkout. */
const PKG_FOLDER = path.join(WWW_FOLDER, existsSync(path.join(WWW_FOLDER, "../package.json")) ? ".." : "../pkg");

const CONTENT_TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

// Allows only what the page needs: no inline code, no eval, no other origin.
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/**
 * Returns the folders of the demo, keyed by the URL path at which they are served. Without a model, the page asks. The shop
 * needs a catalog; a reranker is optional.
 */
export function demoRoots(model, { catalog, reranker } = {}) {
  const roots = { "/": WWW_FOLDER, "/pkg/": PKG_FOLDER };
  for (const [name, folder] of Object.entries({ model, catalog, reranker })) {
    if (folder !== undefined) roots[`/${name}/`] = path.resolve(folder);
  }
  return roots;
}

/** Serves folders on localhost. Port 0 selects a free port. Resolves to the server and its URL. */
export async function serve(roots, port = 0) {
  const modules = new LinkedModules((pathname) => fileOf(roots, pathname));
  const server = createServer((request, response) => {
    respond({ roots, modules }, request, response).catch(() => {
      if (!response.headersSent) sendText(response, 500, "internal server error");
      response.destroy();
    });
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return { server, address: `http://127.0.0.1:${server.address().port}/` };
}

/** Returns the names of the built WebAssembly binaries. `./build.sh demo` builds one, or both with `--shipping`. */
async function builtBinaries(roots) {
  if (!roots["/pkg/"]) return [];
  const files = await readdir(path.join(roots["/pkg/"], "wasm")).catch(() => []);
  return files.filter((file) => /^corom(-relaxed)?\.wasm$/.test(file)); // the page loads one of the two
}

/** Returns what the site has, and the files that the shop needs without a network, except what corom keeps. */
async function siteOf(roots, modules) {
  const evaluation = Boolean(roots["/catalog/"]) && existsSync(path.join(roots["/catalog/"], "evaluation.json"));
  const files = await offlineFiles(roots, modules);
  return { reranker: "/reranker/" in roots, evaluation, files: evaluation ? [...files, "./catalog/evaluation.json"] : files };
}

async function offlineFiles(roots, modules) {
  const within = async (root, keep) => {
    const names = await readdir(roots[root], { recursive: true }).catch(() => []);
    return names.map((name) => name.replaceAll("\\", "/")).filter(keep).map((name) => `.${root}${name}`);
  };
  const linked = await modules.all();
  const scripts = /^(lib\/(?!cli\/|instantsearch\/|ai\/).*|wasm\/[^/]*|[\w-]+)\.js$/;
  const pages = await within("/", (name) => /\.(html|css|svg|webmanifest)$/.test(name));
  const own = await within("/", (name) => name.endsWith(".js") && name !== "sw.js");
  const inPackage = await within("/pkg/", (name) => scripts.test(name) && !/inline|convert|-node/.test(name));
  const binaries = await within("/pkg/", (name) => /^wasm\/corom(-relaxed|-search)?\.wasm$/.test(name));
  return [...pages, ...(linked?.map((pathname) => `.${pathname}`) ?? [...own, ...inPackage]), ...binaries];
}

/** Returns the address to go to instead of the first page, if there is one. */
async function elsewhere(roots) {
  const parameters = [];
  if (!roots["/model/"]) parameters.push("model=none");
  // The page would request the relaxed binary, which a quick build for an older Node does not contain.
  else if ((await builtBinaries(roots)).join() === "corom.wasm") parameters.push("simd=plain");
  const page = roots["/catalog/"] ? "shop.html" : "";
  return page !== "" || parameters.length > 0 ? `/${page}${parameters.length > 0 ? `?${parameters.join("&")}` : ""}` : undefined;
}

async function respond({ roots, modules }, request, response) {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return sendText(response, 405, `${request.method} is not supported; use GET or HEAD`);
  }
  if (request.url === "/" && roots["/pkg/"]) {
    const location = await elsewhere(roots);
    if (location !== undefined) return response.writeHead(302, { location, "cache-control": "no-store" }).end();
  }
  if (request.url === "/site.json" && roots["/pkg/"]) {
    response.writeHead(200, { "content-type": CONTENT_TYPES[".json"], "cache-control": "no-cache" });
    return response.end(JSON.stringify(await siteOf(roots, modules)));
  }
  const file = fileOf(roots, request.url);
  const linked = file === null ? undefined : await modules.get(request.url.split(/[?#]/)[0]);
  const found = file && (await stat(file).catch(() => null));
  if (!found?.isFile()) return sendText(response, 404, "the file does not exist");
  const tag = linked?.tag ?? `"${found.size.toString(16)}-${Math.round(found.mtimeMs).toString(16)}"`;
  const headers = {
    "content-type": CONTENT_TYPES[path.extname(file).toLowerCase()] ?? "application/octet-stream",
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache", // cached, but revalidated on every request
    etag: tag,
  };
  if (request.headers["if-none-match"] === tag) return response.writeHead(304, headers).end();
  if (linked !== undefined) {
    response.writeHead(200, { ...headers, "content-length": linked.bytes.length });
    return response.end(request.method === "HEAD" ? undefined : linked.bytes);
  }
  const range = rangeOf(request.headers, found.size, tag);
  if (range === null) return response.writeHead(416, { "content-range": `bytes */${found.size}` }).end();
  const { start, end } = range ?? { start: 0, end: found.size - 1 };
  if (range) headers["content-range"] = `bytes ${start}-${end}/${found.size}`;
  response.writeHead(range ? 206 : 200, {
    ...headers,
    "accept-ranges": "bytes",
    "content-length": end - start + 1,
  });
  if (request.method === "HEAD" || found.size === 0) return response.end();
  // Not pipe(), which leaves the file open if the client disconnects.
  pipeline(createReadStream(file, { start, end }), response, () => {});
}

/**
 * Parses the requested range. Returns undefined for the whole file, null if the range begins after the end. A request
 * for several ranges gets the whole file.
 */
function rangeOf({ range, "if-range": condition }, size, tag) {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(range ?? "") ?? [];
  if ((!from && !to) || (condition !== undefined && condition !== tag)) return undefined;
  const start = from ? Number(from) : Math.max(0, size - Number(to));
  const end = from && to ? Math.min(Number(to), size - 1) : size - 1;
  if (from && to && Number(to) < start) return undefined;
  return start <= end ? { start, end } : null;
}

/** Returns the path of the requested file, or null if the URL leads outside the folders. */
function fileOf(roots, target) {
  let name;
  try {
    name = decodeURIComponent(target.split(/[?#]/)[0]);
  } catch {
    return null;
  }
  if (name.includes("\0") || name.includes("\\") || name.split("/").some((part) => part.startsWith("."))) return null;
  const prefix = Object.keys(roots)
    .filter((root) => name.startsWith(root))
    .sort((a, b) => b.length - a.length)[0];
  if (prefix === undefined) return null;
  const inside = name.slice(prefix.length);
  return path.join(roots[prefix], inside === "" || inside.endsWith("/") ? `${inside}index.html` : inside);
}

function sendText(response, status, text) {
  const headers = {
    "content-type": "text/plain; charset=utf-8",
    "content-security-policy": CONTENT_SECURITY_POLICY,
  };
  response.writeHead(status, headers);
  response.end(`${text}\n`);
}

/** Serves on the requested port. Without one, serves on the default port, or on a free port if that is taken. */
export async function serveOn(roots, port) {
  if (port !== undefined) return serve(roots, Number(port));
  try {
    return await serve(roots, DEFAULT_PORT);
  } catch (error) {
    if (!["EADDRINUSE", "EACCES"].includes(error.code)) throw error;
    return serve(roots);
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { port: { type: "string" }, catalog: { type: "string" }, reranker: { type: "string" } },
  });
  const [model] = positionals;
  if (positionals.length !== 1 || !/^\d{1,5}$/.test(values.port ?? DEFAULT_PORT) || values.port > 65535)
    throw new Error("usage: node www/serve.mjs MODEL_FOLDER [--catalog DIR] [--reranker DIR] [--port N]");
  for (const folder of [model, values.catalog, values.reranker].filter((one) => one !== undefined)) {
    if (!(await stat(folder).catch(() => null))?.isDirectory()) throw new Error(`${folder}: the folder does not exist`);
  }
  const { server, address } = await serveOn(demoRoots(model, values), values.port);
  console.log(`The demo is at ${address}  (press Ctrl+C to stop)`);
  if ((await builtBinaries(demoRoots(model))).join() === "corom-relaxed.wasm")
    console.log(
      "This build needs a browser with relaxed SIMD, such as Chrome 114 or later. " +
        "For other browsers, run `./build.sh demo --shipping`.",
    );
  for (const signal of ["SIGINT", "SIGTERM"])
    process.once(signal, () => server.close(() => process.exit(0)).closeAllConnections());
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().catch((error) => {
    console.error(error.code === "EADDRINUSE" ? "the port is taken; choose another port with --port" : error.message);
    process.exit(1);
  });
}
