// `corom/convert` of the installed tarball in a Vite build: the worker's script and the converter's binary are found, and
// a page that does not convert fetches neither.
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { build, preview } from "vite";
import { ROOT, project } from "./support/places.mjs";
import { freePort, launch, outcomeOf } from "./support/site.mjs";

const CHECKPOINT = path.join(ROOT, "tests/fixtures/checkpoints/wide");
const PAGE = `
const names = ["config.json", "model.safetensors", "pytorch_model.bin", "vocab.txt", "tokenizer.json"];
async function run() {
  const { Corom } = await import("corom");
  if (location.search !== "?convert") return { loaded: typeof Corom };
  const { convert } = await import("corom/convert");
  const responses = await Promise.all(names.map(async (name) => [name, await fetch("./checkpoint/" + name)]));
  // A server of pages answers every path: what it does not have is HTML.
  const found = responses.filter(([, response]) => response.ok && !/html/.test(response.headers.get("content-type")));
  const { manifest, files } = await convert(Object.fromEntries(found), { dtype: "int8", pooling: "cls" });
  const corom = await Corom.load(files);
  return { dtype: manifest.dtype, loaded: corom.info.dtype, vector: (await corom.embed("阔腿裤")).length };
}
run().then((value) => (globalThis.outcome = value), (error) => (globalThis.outcome = { error: \`\${error?.code} \${error}\` }));
`;

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

test("vite build emits the converter's script and binary, and only a page that converts fetches them", async () => {
  const root = project("vite-convert", {
    "index.html": `<!doctype html><meta charset="utf-8"><title>corom</title><link rel="icon" href="data:,"><script type="module" src="/main.js"></script>`,
    "main.js": PAGE,
  });
  cpSync(CHECKPOINT, path.join(root, "public/checkpoint"), { recursive: true });
  const config = { root, configFile: false, logLevel: "error", cacheDir: `${root}/.vite` };
  await build({ ...config, build: { chunkSizeWarningLimit: 20_000 } });
  const server = await preview({ ...config, preview: { host: "127.0.0.1", port: await freePort(), strictPort: true } });
  try {
    const address = `http://127.0.0.1:${server.httpServer.address().port}/`;
    const plain = await outcomeOf(browser, address);
    assert.deepEqual(plain.outcome, { loaded: "function" });
    assert.ok(!plain.asked.some((url) => /convert/.test(url)), plain.asked.join("\n"));
    const { outcome, asked } = await outcomeOf(browser, `${address}?convert`, { allowed: [/404/] });
    assert.deepEqual(outcome, { dtype: "int8", loaded: "int8", vector: 64 });
    assert.ok(asked.some((url) => /convert-thread.*\.js$/.test(url)), asked.join("\n"));
    assert.ok(asked.some((url) => /corom-convert.*\.wasm$/.test(url)), asked.join("\n"));
  } finally {
    await server.close();
  }
});
