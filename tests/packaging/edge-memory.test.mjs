// examples/edge in workerd with models of real size stays within the 128 MB of an isolate.
//
// COROM_M3E_CHECKPOINT: the folder of m3e-small's checkpoint. COROM_EDGE_MODELS: further converted folders to test,
// separated by colons; CoROM's own, for instance.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { baseInt4, m3eInt8 } from "./support/edge-models.mjs";
import { filesIn, startService } from "./support/edge.mjs";
import { MODEL, ROOT } from "./support/places.mjs";

const MIB = 2 ** 20;
const ISOLATE = 128e6;
const ASSET = 25 * MIB; // the largest file that may be a static asset

const catalog = readFileSync(path.join(ROOT, "tests/fixtures/m3e-small/catalog.txt"), "utf8").split("\n").filter(Boolean);
const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`;
const further = (process.env.COROM_EDGE_MODELS ?? "").split(":").filter(Boolean);

for (const folder of [MODEL, m3eInt8(), await baseInt4(), ...further]) {
  const { dtype } = JSON.parse(readFileSync(path.join(folder, "corom.json"), "utf8"));
  test(`the service answers several requests at once in 128 MB with ${path.basename(folder)} in ${dtype}`, async (t) => {
    for (const name of filesIn(folder)) assert.ok(statSync(path.join(folder, name)).size <= ASSET, `${name} is small enough for a static asset`);
    const size = filesIn(folder).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
    const service = await startService({ model: folder, vars: { AUTO_TRUNCATE: "true", QUALITY: "balanced" } });
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
      const texts = 8 * 4 + (9 + 8 + 7) + 8 + 1;
      const start = performance.now();
      const answers = await Promise.all([
        ...Array.from({ length: 8 }, (_, i) => answer("/embed", { inputs: inputs(4 * i, 4) })),
        ...Array.from({ length: 3 }, (_, i) => answer("/rerank", { query: catalog[0], texts: inputs(0, 8 - i), return_text: true })),
        answer("/v1/embeddings", { input: inputs(0, 8), encoding_format: "base64" }),
        answer("/embed", { inputs: catalog.join(" ").slice(0, 4000) }), // as many tokens as the model takes
      ]);
      const took = performance.now() - start;
      assert.equal(answers[0].length, 4);
      answers.slice(0, 8).flat().forEach((row) => assert.ok(Math.abs(Math.hypot(...row) - 1) < 1e-3)); // prettier-ignore
      assert.equal(answers[8][0].text, catalog[0], "a text ranks first for itself");

      // Texts without white space, which a client may send by mistake. None takes memory for good.
      for (const unit of ["#", '{"a":1},']) {
        const status = async (body) => (await service.ask("/embed", body)).status;
        assert.equal(await status({ inputs: unit.repeat(Math.floor(800_000 / unit.length)), truncate: true }), 413, unit);
        const longest = unit.repeat(Math.floor(32_768 / unit.length));
        assert.equal(await status({ inputs: longest, truncate: true }), 200, unit);
        assert.equal(await status({ inputs: Array(8).fill(longest), truncate: false }), 413, unit);
      }

      const { wasm_memory } = await answer("/info");
      const heap = await service.heap();
      t.diagnostic(
        `files ${mib(size)}; WebAssembly ${mib(loaded.wasm_memory)} loaded, ${mib(wasm_memory)} at the end; ` +
          `JavaScript ${mib(heap)}; ` +
          `workerd grew by ${mib(afterLoad - before)} while loading, by ${mib(service.resident() - before)} in all; ` +
          `loaded in ${Math.round(loading)} ms, then ${texts} texts in ${Math.round(took)} ms`,
      );
      assert.ok(wasm_memory + heap <= ISOLATE, `WebAssembly ${mib(wasm_memory)}, JavaScript ${mib(heap)}`);
    } finally {
      await service.stop();
    }
  });
}
