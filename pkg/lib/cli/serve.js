// `corom serve`.
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { CoromError } from "../errors.js";
import { folderOf, standIn } from "./nano.js";

/** The demo page's server: in the published package, and in a checkout. */
const SERVERS = ["../../www/serve.mjs", "../../../www/serve.mjs"].map((file) => new URL(file, import.meta.url));

/** Serves the demo page until a signal arrives. */
export async function run({ positionals: [given], values: { port, catalog, reranker } }, signal) {
  const model = given === undefined ? standIn("MODEL") : folderOf(given);
  checkModel(model);
  if (catalog !== undefined) checkFolder(catalog, "catalog.json", "a catalog folder of `corom index build`");
  if (reranker !== undefined) checkFolder(reranker, "corom.json", "a reranker that `corom convert` wrote");
  const page = SERVERS.find((file) => existsSync(file));
  if (page === undefined) throw new CoromError("MISSING_FILE", "this copy of the package has no demo page; it was packed without its scripts");
  const { demoRoots, serveOn } = await import(page.href);
  const { server, address } = await serveOn(demoRoots(model, { catalog, reranker }), port).catch((cause) => {
    if (!["EADDRINUSE", "EACCES"].includes(cause.code)) throw cause;
    throw new CoromError("INVALID_ARGUMENT", `--port ${port}: the port is taken; choose another one`, { cause });
  });
  process.stdout.write(`The demo is at ${address}  (press Ctrl+C to stop)\n`);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** Throws MISSING_FILE for a folder that the page cannot load. */
function checkModel(model) {
  if (!statSync(model, { throwIfNoEntry: false })?.isDirectory()) {
    throw new CoromError("MISSING_FILE", `${model} is not a folder; expected a model folder`);
  }
  const names = ["", "onnx"].flatMap((folder) => namesIn(path.join(model, folder)));
  if (names.some((name) => name === "corom.json" || /\.onnx$/i.test(name))) return;
  const next = "convert a checkpoint first: npx corom convert --help";
  throw new CoromError("MISSING_FILE", `${model} has neither corom.json nor an ONNX export; ${next}`);
}

/** Throws MISSING_FILE for a folder that has no such file. */
function checkFolder(folder, file, expected) {
  if (existsSync(path.join(folder, file))) return;
  throw new CoromError("MISSING_FILE", `${folder} has no ${file}; expected ${expected}`);
}

const namesIn = (folder) => (statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder) : []);
