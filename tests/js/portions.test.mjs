// The division of a call into portions, with an engine that records them: the sizes for several workers, and the errors.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Corom } from "../../pkg/lib/corom.js";
import { loaded } from "../../pkg/lib/model-instance.js";
import { CoromError } from "../../pkg/lib/errors.js";

/** Returns an instance whose engine has `parallel` workers, and the texts of each portion that the engine gets. */
function recording({ parallel = 1, fused = true, embed = () => {} } = {}) {
  const portions = [];
  const engine = {
    info: { dimension: 1, fused, metric: "dot" },
    parallel,
    async embed(texts, prompt, { signal }) {
      portions.push(texts);
      await embed(texts, signal);
      const numbers = () => new Uint32Array(texts.length);
      return { data: Float32Array.from(texts, Number), report: { tokens: numbers(), truncated: numbers(), unknown: numbers() } };
    },
  };
  return { corom: new Corom(loaded, engine), portions };
}
const numbered = (count) => Array.from({ length: count }, (_, i) => String(i));
const sum = (list) => list.reduce((a, b) => a + b, 0);

describe("a list of texts", () => {
  test("goes to one worker in portions of 1,024 texts, and to several also if the graph is not fused", async () => {
    for (const options of [{}, { parallel: 4, fused: false }]) {
      const { corom, portions } = recording(options);
      const { data } = await corom.embed(numbered(2500));
      assert.deepEqual(portions.map(({ length }) => length), [1024, 1024, 452]); // prettier-ignore
      assert.deepEqual(Array.from(data, String), numbered(2500));
    }
  });

  test("goes to several workers in portions that get smaller, down to 16 texts", async () => {
    for (const parallel of [2, 3, 8]) {
      const { corom, portions } = recording({ parallel });
      const { data } = await corom.embed(numbered(1000));
      assert.deepEqual(Array.from(data, String), numbered(1000));
      const sizes = portions.map(({ length }) => length);
      assert.equal(sum(sizes), 1000);
      assert.ok(Math.abs(sizes[0] - 1000 / (2 * parallel)) < 60, `${sizes}`);
      assert.ok(sizes.slice(0, -1).every((size) => size >= 16) && sizes.at(-1) <= 32, `${sizes}`);
      assert.ok(sizes.length < 16 * parallel, `${sizes.length} portions`);
    }
    const { corom, portions } = recording({ parallel: 2 });
    await corom.embed(numbered(17));
    assert.deepEqual(portions.map(({ length }) => length), [16, 1]); // prettier-ignore
  });

  test("is divided by the length of its texts", async () => {
    const { corom, portions } = recording({ parallel: 2 });
    await corom.embed([...Array(100).fill("1".repeat(400)), ...Array(900).fill("1")]);
    // Nearly all of the work is in the first hundred texts.
    assert.ok(portions[0].length < 40, `${portions.map(({ length }) => length)}`);
    const large = recording({ parallel: 2 });
    await large.corom.embed(["1".repeat(5_000_000), ...numbered(500)]);
    assert.ok(large.portions[0].length < 200, `${large.portions.map(({ length }) => length)}`);
  });
});

describe("an error in a portion", () => {
  test("names the text by its index in the whole list", async () => {
    for (const parallel of [1, 2]) {
      const cause = new Error("why");
      const embed = (texts) => {
        if (texts.includes("1500")) throw new CoromError("INVALID_ARGUMENT", `text ${texts.indexOf("1500")}: no`, { cause });
      };
      const { corom } = recording({ parallel, embed });
      await assert.rejects(corom.embed(numbered(2000)), { code: "INVALID_ARGUMENT", message: "text 1500: no", cause });
    }
  });

  test("that names no text stays the same, aborts the other portions and starts no further one", async () => {
    const failure = new CoromError("INTERNAL", "text 5 is no index here");
    const aborted = [];
    const embed = (texts, signal) => {
      if (texts.includes("0")) throw failure;
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => (aborted.push(signal.reason), reject(signal.reason)));
      });
    };
    const { corom, portions } = recording({ parallel: 3, embed });
    await assert.rejects(corom.embed(numbered(1000)), failure);
    assert.deepEqual([portions.length, aborted], [3, [failure, failure]]);
  });
});
