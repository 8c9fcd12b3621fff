// The installed tarball on edge hosts: in workerd, bundled as wrangler does, and in Vercel's edge runtime.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { EdgeVM } from "@edge-runtime/vm";
import { Miniflare } from "miniflare";
import { TEXTS, appText, assertWorks } from "./support/app.mjs";
import { bundleForEdge } from "./support/edge-bundle.mjs";
import { INSTALLED, MODEL, project } from "./support/places.mjs";
import { site } from "./support/site.mjs";

const WORKER = `${appText()}
export default {
  async fetch(request) {
    const { source, options } = await request.json();
    return Response.json(
      await run(source, ${JSON.stringify(TEXTS)}, options).catch(({ code, message }) => ({ error: \`\${code} \${message}\` })),
    );
  },
};`;

test("workerd runs corom with the relaxed binary, and no other at run time", async () => {
  const folder = project("workerd", { "main.js": WORKER });
  const { modules, wasm } = await bundleForEdge(folder, "main.js", ["workerd", "worker", "browser"]);
  assert.deepEqual([...wasm.keys()], ["corom-relaxed.wasm"], "only the faster binary is uploaded");
  const models = await site(MODEL, { policy: null, mounts: { "/corom/": INSTALLED } });
  const miniflare = new Miniflare({ host: "127.0.0.1", compatibilityDate: "2024-09-23", modules });
  try {
    const ask = async (options) => {
      const body = JSON.stringify({ source: models.address, options });
      return (await miniflare.dispatchFetch("http://worker/", { method: "POST", body })).json();
    };
    assertWorks(await ask({}), { simd: "relaxed", imported: true });
    assert.match((await ask({ advanced: { simd: "plain" } })).error, /^UNSUPPORTED_HOST .*import corom\/corom\.wasm/);
    assert.match((await ask({ advanced: { fused: false } })).error, /^NEEDS_UNFUSED .*pass corom\/corom-unfused\.wasm as wasm/);
    const wasm = `${models.address}corom/wasm/corom.wasm`;
    assert.match((await ask({ wasm })).error, /^UNSUPPORTED_HOST .*does not compile WebAssembly at run time/);
  } finally {
    await miniflare.dispose();
    await models.close();
  }
});

// Next.js replaces these with functions that throw.
const NODE_ONLY = ["setImmediate", "MessageChannel"];
const refuse = (name) =>
  function () {
    throw new Error(`a Node.js API is used: ${name}`);
  };

test("Vercel's edge runtime runs corom with the plain binary", async () => {
  const folder = project("edge-light", { "main.js": `${appText()}\nglobalThis.run = run;` });
  const { text, wasm } = await bundleForEdge(folder, "main.js", ["edge-light", "worker", "browser"]);
  assert.deepEqual([...wasm.keys()], ["corom.wasm"], "every version of Node runs the plain binary");
  // Next.js turns a `?module` import into a global with the compiled module.
  const script = text.replace(/^import (\w+) from "\.\/corom\.wasm";$/m, "const $1 = globalThis.wasm_corom;");
  assert.notEqual(script, text);
  const models = await site(MODEL, { policy: null });
  const vm = new EdgeVM({
    // Vercel forbids code from strings and from bytes.
    codeGeneration: { strings: false, wasm: false },
    extend: (context) =>
      Object.assign(context, {
        wasm_corom: new WebAssembly.Module(readFileSync(wasm.get("corom.wasm"))),
        ...Object.fromEntries(NODE_ONLY.map((name) => [name, refuse(name)])),
      }),
  });
  try {
    vm.evaluate(`(async () => { ${script.replace(/^export \{[^}]*\};?$/m, "")} })()`);
    assertWorks(await vm.evaluate(`run(${JSON.stringify(models.address)}, ${JSON.stringify(TEXTS)})`), {
      simd: "plain",
      imported: true,
    });
  } finally {
    await models.close();
  }
});
