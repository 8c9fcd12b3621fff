// A server of a page that runs the probes of keyword search: the package, the catalog, and a place for what a page reports.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { PKG } from "./paths.mjs";
import { PROBES } from "./search-probes-node.mjs";

const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };
/** Runs the probes, and posts `{ agent, lines }` or `{ error }`. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>probes</title><script type="module">
  const run = async () => {
    const { Catalog } = await import("/pkg/search.js");
    const { hitLines } = await import("/support/search-probes.mjs");
    return { agent: navigator.userAgent, lines: await hitLines(Catalog, "/catalog/", ${JSON.stringify(PROBES)}) };
  };
  const result = await run().catch((error) => ({ error: error + "\\n" + error?.stack }));
  await fetch("/", { method: "POST", body: JSON.stringify(result) });
</script>`;

/** Serves until the test `t` ends. Returns the address of the page, and a promise of its report. */
export async function probeSite(t, catalog) {
  const folders = { pkg: PKG, support: import.meta.dirname, catalog };
  let report;
  const reported = new Promise((resolve) => (report = resolve));
  const server = createServer(async (request, response) => {
    if (request.method === "POST") {
      let text = "";
      for await (const part of request.setEncoding("utf8")) text += part;
      response.writeHead(204).end();
      return report(JSON.parse(text));
    }
    if (request.url === "/") return response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
    const [, first, rest] = /^\/([^/]+)\/([^?]+)/.exec(request.url) ?? [];
    const bytes = folders[first] && (await readFile(path.join(folders[first], rest)).catch(() => undefined));
    if (!bytes) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[path.extname(rest)] ?? "application/octet-stream" }).end(bytes);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return { address: `http://127.0.0.1:${server.address().port}/`, reported };
}
