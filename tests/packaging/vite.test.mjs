// The installed tarball in a Vite project: built and previewed, and on the development server.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { build, createServer, preview } from "vite";
import { assertWorks, pageText } from "./support/app.mjs";
import { copyModel, project } from "./support/places.mjs";
import { freePort, launch, outcomeOf } from "./support/site.mjs";

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

function vite(name, specifier) {
  const root = project(`vite-${name}`, {
    "index.html": `<!doctype html><meta charset="utf-8"><title>corom</title><link rel="icon" href="data:,"><script type="module" src="/main.js"></script>`,
    "main.js": pageText(specifier),
  });
  copyModel(`${root}/public/model`);
  return { root, configFile: false, logLevel: "error", cacheDir: `${root}/.vite` };
}
const local = async () => ({ host: "127.0.0.1", port: await freePort(), strictPort: true });

async function built(config) {
  await build({ ...config, build: { chunkSizeWarningLimit: 20_000 } });
  const server = await preview({ ...config, preview: await local() });
  try {
    const { port } = server.httpServer.address();
    return await outcomeOf(browser, `http://127.0.0.1:${port}/`);
  } finally {
    await server.close();
  }
}

test("vite build emits all binaries, and the page fetches one", async () => {
  const config = vite("build", "corom");
  const { outcome, asked } = await built(config);
  assertWorks(outcome, { simd: "relaxed" });
  assert.equal(asked.filter((url) => url.endsWith(".wasm")).length, 1, "one of the four binaries is fetched");
  const assets = readdirSync(`${config.root}/dist/assets`).filter((name) => name.endsWith(".wasm"));
  assert.equal(assets.length, 4, `binaries in the build: ${assets}`);
});

test("vite build emits no .wasm with corom/inline", async () => {
  const config = vite("inline", "corom/inline");
  assertWorks((await built(config)).outcome, { simd: "plain" });
  assert.deepEqual(
    readdirSync(`${config.root}/dist/assets`).filter((name) => name.endsWith(".wasm")),
    [],
  );
});

test("vite build emits a script of its own for corom/worker", async () => {
  const { outcome, asked } = await built(vite("worker", "corom/worker"));
  assertWorks(outcome, { simd: "relaxed" });
  assert.ok(asked.some((url) => /worker-thread.*\.js$/.test(url)), `requests: ${asked}`);
});

for (const entry of ["corom", "corom/worker"]) test(`the development server serves ${entry}`, async () => {
  const server = await createServer({ ...vite(`dev-${path.basename(entry)}`, entry), server: await local() });
  await server.listen();
  try {
    const { port } = server.httpServer.address();
    assertWorks((await outcomeOf(browser, `http://127.0.0.1:${port}/`)).outcome, { simd: "relaxed" });
  } finally {
    await server.close();
  }
});
