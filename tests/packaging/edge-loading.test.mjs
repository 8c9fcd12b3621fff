// The service of examples/edge in workerd: how it comes by its model, and what many clients at once do to it.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Miniflare } from "miniflare";
import { filesIn, startService } from "./support/edge.mjs";
import { MODEL, golden } from "./support/places.mjs";

const TEXT = golden.texts[1];
const EXPECTED = golden.vectors.cls[1];

async function answers(response) {
  assert.equal(response.status, 200, await response.clone().text());
  const [row] = await response.json();
  const worst = Math.max(...EXPECTED.map((value, i) => Math.abs(value - row[i])));
  assert.ok(worst <= golden.tolerance, `off by ${worst}`);
}

/** Assets that count, wait and can be absent. */
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

/** How a request ended: its status, or the name of the error. */
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

run("a model in an R2 bucket", { bucket: MODEL }, async (service) => answers(await embed(service)));

{
  const assets = countingAssets({ delay: 100 });
  run("many at once load it once, and all are answered", { assets: assets.answer }, async (service) => {
    const responses = await Promise.all(Array.from({ length: 24 }, () => embed(service)));
    for (const response of responses) await answers(response);
    const twice = assets.asked.filter((name, i) => assets.asked.indexOf(name) !== i);
    assert.deepEqual(twice, []);
    assert.ok(assets.asked.includes("model.onnx"), String(assets.asked));
  });
}

{
  const assets = countingAssets({ delay: 300 });
  run("a client that goes away takes nothing along", { assets: assets.answer }, async (service) => {
    // The one that began the load, with others that wait for it.
    const began = gone(embed(service, { signal: AbortSignal.timeout(50) }));
    const others = [embed(service), embed(service)];
    assert.equal(await began, "TimeoutError");
    for (const other of others) await answers(await other);
    // Some in the queue, at various moments of theirs, if they are not faster.
    for (let wait = 1; wait <= 20; wait++) {
      const large = { inputs: Array(32).fill(TEXT) };
      const leaving = [1, 2, 3].map(() => gone(service.ask("/embed", large, { signal: AbortSignal.timeout(wait) })));
      await answers(await embed(service));
      for (const outcome of await Promise.all(leaving)) assert.match(String(outcome), /^(200|TimeoutError)$/);
    }
    await answers(await embed(service));
    assert.equal(assets.asked.filter((name) => name === "model.onnx").length, 1, "it was loaded once");
  });
}

{
  const assets = countingAssets();
  assets.absent = true;
  run("a load that fails is told, and tried again by the next request", { assets: assets.answer }, async (service) => {
    const response = await embed(service);
    assert.equal(response.status, 500);
    assert.deepEqual(await response.json(), { error: "the model could not answer", error_type: "Backend" });
    assets.absent = false;
    await answers(await embed(service));
  });
}

{
  const assets = countingAssets({ delay: 500 }); // so that all come while the model loads
  const options = { assets: assets.answer, vars: { MAX_WAITING: "3" } };
  run("more than may wait are asked to come again", options, async (service) => {
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

run("without a token configured nobody gets in", { model: MODEL, vars: { TOKEN: "" } }, async (service) => {
  for (const token of ["", "undefined", "null"]) assert.equal((await embed(service, { token })).status, 500);
});

run("a wrong setting is an error of the server", { model: MODEL, vars: { METRIC: "l1" } }, async (service) =>
  assert.equal((await embed(service)).status, 500),
);

test("the module itself starts within a second", async (t) => {
  /** Milliseconds until a service answers, without a model. */
  const timed = async (start) => {
    const began = performance.now();
    const { address, stop } = await start();
    const { status } = await fetch(new URL("/health", address));
    const took = performance.now() - began;
    await stop();
    assert.equal(status, 200);
    return took;
  };
  const empty = async () => {
    const script = "export default { fetch: () => new Response(null) }";
    const service = new Miniflare({ host: "127.0.0.1", modules: true, script });
    return { address: await service.ready, stop: () => service.dispose() };
  };
  // The least of three: other work on the machine only adds.
  const least = async (start) => Math.min(await timed(start), await timed(start), await timed(start));
  const assets = countingAssets();
  const own = await least(() => startService({ assets: assets.answer }));
  const base = await least(empty);
  t.diagnostic(`${Math.round(own)} ms, of which an empty worker takes ${Math.round(base)} ms`);
  assert.deepEqual(assets.asked, [], "the model is not loaded before it is asked for");
  assert.ok(own - base < 1000, `${Math.round(own - base)} ms`);
});

{
  // For real in workerd, as its rules on whose request may end what are its own.
  const assets = countingAssets({ delay: 40_000 });
  run("a load that is silent for 25 s gets 503, whoever waits, and the next is right", { assets: assets.answer }, async (service) => {
    // The one that began the load has gone; what the load asks for is the host's business now.
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
