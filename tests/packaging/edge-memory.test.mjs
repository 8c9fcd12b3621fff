// The service of examples/edge in workerd with models of real size, within the 128 MB that an isolate has.
//
// COROM_M3E: m3e-small as `corom convert` wrote it. COROM_EDGE_MODELS: further folders of that kind, with : between.
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { filesIn, startService } from "./support/edge.mjs";
import { MODEL, ROOT } from "./support/places.mjs";

const MIB = 2 ** 20;
const ISOLATE = 128e6;
const ASSET = 25 * MIB; // the largest file that may be a static asset

const catalog = readFileSync(path.join(ROOT, "tests/fixtures/m3e-small/catalog.txt"), "utf8").split("\n").filter(Boolean);
const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`;
const further = (process.env.COROM_EDGE_MODELS ?? "").split(":").filter(Boolean);

function m3e() {
  const folder = process.env.COROM_M3E;
  if (folder && existsSync(path.join(folder, "corom.json"))) return folder;
  throw new Error("COROM_M3E must be m3e-small as `corom convert` wrote it: run ./build.sh test");
}

for (const folder of [MODEL, m3e(), ...further]) {
  const { dtype } = JSON.parse(readFileSync(path.join(folder, "corom.json"), "utf8"));
  test(`${path.basename(folder)}, ${dtype}: several requests at once, in 128 MB`, async (t) => {
    for (const name of filesIn(folder)) assert.ok(statSync(path.join(folder, name)).size <= ASSET, `${name} is an asset`);
    const size = filesIn(folder).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
    const service = await startService({ model: folder, vars: { AUTO_TRUNCATE: "true", PRECISION: "auto" } });
    try {
      const answer = async (...args) => {
        const response = await service.ask(...args);
        assert.equal(response.status, 200, await response.clone().text());
        return response.json();
      };
      await service.ask("/health");
      const before = service.resident();
      const began = performance.now();
      const loaded = await answer("/info");
      const loading = performance.now() - began;
      const afterLoad = service.resident();

      const inputs = (first, count) => Array.from({ length: count }, (_, i) => catalog[(first + i) % catalog.length]);
      const texts = 8 * 4 + 4 * 8 + 4;
      const start = performance.now();
      const answers = await Promise.all([
        ...Array.from({ length: 8 }, (_, i) => answer("/embed", { inputs: inputs(4 * i, 4) })),
        ...Array.from({ length: 3 }, (_, i) => answer("/rerank", { query: catalog[i], texts: inputs(8 * i, 8) })),
        answer("/v1/embeddings", { input: inputs(0, 8), encoding_format: "base64" }),
        answer("/embed", { inputs: catalog.join(" ").slice(0, 4000) }), // as long as the model reads
      ]);
      const took = performance.now() - start;
      assert.equal(answers[0].length, 4);
      answers.slice(0, 8).flat().forEach((row) => assert.ok(Math.abs(Math.hypot(...row) - 1) < 1e-3)); // prettier-ignore
      // Each query is among its own first candidate's texts only for the first: there it is the best.
      assert.equal(answers[8][0].index, 0);

      const { wasm_memory } = await answer("/info");
      t.diagnostic(
        `files ${mib(size)}; WebAssembly ${mib(loaded.wasm_memory)} loaded, ${mib(wasm_memory)} at the end; ` +
          `workerd grew by ${mib(afterLoad - before)} while loading, by ${mib(service.resident() - before)} in all; ` +
          `loaded in ${Math.round(loading)} ms, then ${texts} texts in ${Math.round(took)} ms`,
      );
      assert.ok(wasm_memory <= ISOLATE, `${mib(wasm_memory)} of WebAssembly memory`);
    } finally {
      await service.stop();
    }
  });
}
