// examples/edge in workerd: how it loads its model, and how it serves many clients at once.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Miniflare } from "miniflare";
import { filesIn, modules, startService } from "./support/edge.mjs";
import { MODEL, golden } from "./support/places.mjs";

const TEXT = golden.texts[1];
const EXPECTED = golden.vectors.cls[1];

async function answers(response) {
  assert.equal(response.status, 200, await response.clone().text());
  const [row] = await response.json();
  const worst = Math.max(...EXPECTED.map((value, i) => Math.abs(value - row[i])));
  assert.ok(worst <= golden.tolerance, `off by ${worst}`);
}

/** Returns static assets that record the requests, answer after `delay` ms, and can be absent. */
function countingAssets({ delay = 0 } = {}) {
  const asked = [];
  const state = { absent: false, delay, asked };
  state.answer = async (request) => {
    const name = path.basename(new URL(request.url).pathname);
    asked.push(name);
    await sleep(state.delay);
    if (state.absent || !filesIn(MODEL).includes(name)) return new Response(null, { status: 404 });
    return new Response(Readable.toWeb(createReadStream(path.join(MODEL, name))));
  };
  return state;
}

/** Returns how a request ended: its status, or the name of its error. */
const gone = (request) => request.then(({ status }) => status, ({ name }) => name); // prettier-ignore

const run = (name, options, work) =>
  test(name, async (t) => {
    const service = await startService(options);
    try {
      await work(service, t);
    } finally {
      await service.stop();
    }
  });
const embed = (service, options) => service.ask("/embed", { inputs: TEXT, normalize: false }, options);

run("the service loads a model from an R2 bucket", { bucket: MODEL }, async (service) => answers(await embed(service)));

{
  const assets = countingAssets({ delay: 100 });
  run("24 requests at once load the model once and are all answered", { assets: assets.answer }, async (service) => {
    const responses = await Promise.all(Array.from({ length: 24 }, () => embed(service)));
    for (const response of responses) await answers(response);
    const twice = assets.asked.filter((name, i) => assets.asked.indexOf(name) !== i);
    assert.deepEqual(twice, []);
    assert.ok(assets.asked.includes("model.onnx"), String(assets.asked));
  });
}

{
  const assets = countingAssets({ delay: 300 });
  run("a client that disconnects ends neither the load nor other requests", { assets: assets.answer }, async (service) => {
    // The client whose request started the load, and others that wait for it.
    const began = gone(embed(service, { signal: AbortSignal.timeout(50) }));
    const others = [embed(service), embed(service)];
    assert.equal(await began, "TimeoutError");
    for (const other of others) await answers(await other);
    // Clients that disconnect at various moments of their requests; some are answered before.
    for (let wait = 1; wait <= 20; wait++) {
      const large = { inputs: Array(32).fill(TEXT) };
      const leaving = [1, 2, 3].map(() => gone(service.ask("/embed", large, { signal: AbortSignal.timeout(wait) })));
      await answers(await embed(service));
      for (const outcome of await Promise.all(leaving)) assert.match(String(outcome), /^(200|TimeoutError)$/);
    }
    await answers(await embed(service));
    assert.equal(assets.asked.filter((name) => name === "model.onnx").length, 1, "the model was loaded once");
  });
}

{
  const assets = countingAssets();
  assets.absent = true;
  run("a failed load gives 500, and the next request loads again", { assets: assets.answer }, async (service) => {
    const response = await embed(service);
    assert.equal(response.status, 500);
    assert.deepEqual(await response.json(), { error: "internal error", error_type: "Backend" });
    assets.absent = false;
    await answers(await embed(service));
  });
}

{
  const assets = countingAssets({ delay: 500 }); // so that all requests arrive while the model loads
  const options = { assets: assets.answer, vars: { MAX_WAITING: "3" } };
  run("requests beyond MAX_WAITING get 429 with Retry-After", options, async (service) => {
    const responses = await Promise.all(Array.from({ length: 30 }, () => embed(service)));
    const served = responses.filter(({ status }) => status === 200);
    const refused = responses.filter(({ status }) => status === 429);
    assert.equal(served.length + refused.length, 30);
    assert.ok(served.length >= 3 && refused.length > 0, `${served.length} served`);
    for (const response of served) await answers(response);
    for (const response of refused) {
      assert.equal(response.headers.get("retry-after"), "1");
      assert.equal((await response.json()).error_type, "Overloaded");
    }
    await answers(await embed(service));
  });
}

run("the service gives 500 to every token if none is configured", { model: MODEL, vars: { TOKEN: "" } }, async (service) => {
  for (const token of ["", "undefined", "null"]) assert.equal((await embed(service, { token })).status, 500);
});

run("the service gives 500 if a setting is wrong", { model: MODEL, vars: { METRIC: "l1" } }, async (service) =>
  assert.equal((await embed(service)).status, 500),
);

test("the service starts about as fast as an empty one with the same modules, and loads no model", async (t) => {
  /** Returns the milliseconds until a service answers. */
  const timed = async (start) => {
    const began = performance.now();
    const { address, stop } = await start();
    const { status } = await fetch(new URL("/health", address));
    const took = performance.now() - began;
    await stop();
    assert.equal(status, 200);
    return took;
  };
  const [{ path: main }, ...binaries] = modules;
  const script = { type: "ESModule", path: main, contents: "export default { fetch: () => new Response(null) }" };
  const startEmpty = async () => {
    const service = new Miniflare({ host: "127.0.0.1", modules: [script, ...binaries] });
    return { address: await service.ready, stop: () => service.dispose() };
  };
  const assets = countingAssets();
  // The minimum of several: other work on the machine makes a start slower, never faster.
  let [own, empty] = [Infinity, Infinity];
  for (let i = 0; i < 4; i++) {
    own = Math.min(own, await timed(() => startService({ assets: assets.answer })));
    empty = Math.min(empty, await timed(startEmpty));
  }
  t.diagnostic(`${Math.round(own)} ms; an empty service takes ${Math.round(empty)} ms`);
  assert.deepEqual(assets.asked, []);
  assert.ok(own < 3 * empty, `${Math.round(own)} ms, an empty service ${Math.round(empty)} ms`);
});

{
  // With the real clock: workerd has its own rules on which request may end what.
  const assets = countingAssets({ delay: 40_000 });
  run("a load without an answer for 25 s gives 503 to every waiting request, and the next request is answered", { assets: assets.answer }, async (service) => {
    // The client whose request started the load disconnects; the load's requests belong to it.
    const began = gone(embed(service, { signal: AbortSignal.timeout(500) }));
    await sleep(1000);
    const others = await Promise.all([embed(service), embed(service)]);
    assert.equal(await began, "TimeoutError");
    for (const response of others) {
      assert.equal(response.status, 503, await response.clone().text());
      assert.equal(response.headers.get("retry-after"), "5");
    }
    assets.delay = 0;
    await answers(await embed(service));
  });
}
