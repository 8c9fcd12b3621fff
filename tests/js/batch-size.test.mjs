// The number of tokens of a batch: small on a page's thread, larger in workers and in Node as far as a batch stays short.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BatchSize } from "../../pkg/lib/batch-size.js";
import { Runtime } from "../../pkg/lib/runtime.js";
import { Corom } from "./support/corom.mjs";
import { exportFolder } from "./support/paths.mjs";

describe("BatchSize", () => {
  test("leaves the size to the core on a page's thread", () => {
    const size = new BatchSize(undefined);
    size.measured(64, 1);
    assert.equal(size.tokens, undefined);
  });

  test("is what fits into the time, from 64 to 256 tokens", () => {
    const size = new BatchSize(400);
    assert.equal(size.tokens, 64);
    for (const [tokens, ms, expected] of [
      [60, 120, 200],
      [190, 400, 190],
      [190, 900, 84],
      [64, 5000, 64],
      [64, 30, 256],
      [64, 0, 256],
      [15, 90_000, 256], // too few tokens to measure
      [0, 50, 256], // a step that tokenizes
    ]) {
      size.measured(tokens, ms);
      assert.equal(size.tokens, expected, `${tokens} tokens in ${ms} ms`);
    }
  });
});

test("a list of texts is embedded in batches of up to 256 tokens in Node", async () => {
  const sizes = [];
  const { call } = Runtime.prototype;
  Runtime.prototype.call = function (work) {
    return call.call(this, (bindings) => {
      const { prototype } = bindings.EmbedJob;
      const { setBatchTokens } = prototype;
      prototype.setBatchTokens = function (tokens) {
        sizes.push(tokens);
        setBatchTokens.call(this, tokens);
      };
      try {
        return work(bindings);
      } finally {
        prototype.setBatchTokens = setBatchTokens;
      }
    });
  };
  try {
    const corom = await Corom.load(exportFolder("legacy-op14"), { pooling: "cls" });
    const texts = Array.from({ length: 200 }, (_, i) => `阔腿裤女冬牛仔${i}`);
    const done = [];
    const { data } = await corom.embed(texts, { onProgress: (event) => done.push(event.done) });
    assert.equal(sizes[0], 64);
    assert.equal(Math.max(...sizes), 256);
    const steps = sizes.length;
    assert.ok(steps < 30, `${steps} steps`); // with 64 tokens a batch, more than 40
    const alone = await corom.embed(texts[150]);
    assert.deepEqual(alone, data.slice(150 * alone.length, 151 * alone.length));
    corom.free();
  } finally {
    Runtime.prototype.call = call;
  }
});
