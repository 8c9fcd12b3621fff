// Bundles as wrangler does, for hosts that compile no WebAssembly at run time: `.wasm` imports stay imports.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";

/** Returns `text`, the JavaScript; `wasm`, the path of each .wasm by its name; `modules`, both in miniflare's form. */
export async function bundleForEdge(folder, main, conditions) {
  const wasm = new Map();
  const { outputFiles, warnings } = await build({
    absWorkingDir: folder,
    entryPoints: [main],
    bundle: true,
    write: false,
    format: "esm",
    conditions,
    logLevel: "silent",
    plugins: [{ name: "compiled-wasm", setup: (within) => compiledWasm(within, wasm) }],
  });
  assert.deepEqual(
    warnings.map(({ text }) => text),
    [],
  );
  const [{ text }] = outputFiles;
  const compiled = [...wasm].map(([name, file]) => ({ type: "CompiledWasm", path: name, contents: readFileSync(file) }));
  return { text, wasm, modules: [{ type: "ESModule", path: "main.js", contents: text }, ...compiled] };
}

function compiledWasm(within, wasm) {
  within.onResolve({ filter: /\.wasm(\?module)?$/ }, async ({ path: asked, pluginData, ...rest }) => {
    if (pluginData) return undefined;
    const found = await within.resolve(asked.replace("?module", ""), { ...rest, pluginData: true });
    wasm.set(path.basename(found.path), found.path);
    return { path: `./${path.basename(found.path)}`, external: true };
  });
}
