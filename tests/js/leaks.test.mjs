// support/leaks.mjs, on which the endurance tests rely: it sees a leak, and it is not misled by single odd rounds.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Corom } from "./support/corom.mjs";
import { assertSteady, countMemories, medianSlope, untilMemories } from "./support/leaks.mjs";
import { exportFolder } from "./support/paths.mjs";

const FOLDER = exportFolder("legacy-op14");

describe("medianSlope", () => {
  test("is the growth per sample of a line", () => {
    assert.equal(medianSlope([5, 8, 11, 14]), 3);
    assert.equal(medianSlope([7, 7, 7]), 0);
  });

  test("sees a steady growth behind one odd sample, and none behind one that stays higher", () => {
    assert.equal(medianSlope([0, 10, 20, 500, 40, 50, 60]), 10);
    assert.equal(medianSlope([0, 0, 0, 0, 500, 0, 0]), 0);
    assert.ok(medianSlope([0, 0, 500, 500, 500, 500, 500, 500]) === 0, "memory that was allocated once");
  });
});

describe("assertSteady", () => {
  const KIB = 1024;
  const held = [];

  test("fails if each round keeps some objects", async () => {
    const leaking = async () => {
      for (let i = 0; i < 1000; i++) held.push({ text: `${i}`, data: new Float32Array(32) });
    };
    await assert.rejects(assertSteady(leaking, { limit: 100 * KIB }), /live memory grows by/);
  });

  test("fails if each round keeps a buffer", async () => {
    await assert.rejects(assertSteady(async () => void held.push(new Uint8Array(200 * KIB)), { limit: 100 * KIB }));
  });

  test("passes if rounds keep nothing, or something only once", async () => {
    let once;
    await assertSteady(
      async () => {
        once ??= new Uint8Array(4096 * KIB);
        for (let i = 0; i < 1000; i++) new Float32Array(32).fill(i);
      },
      { limit: 100 * KIB },
    );
    assert.equal(once.length, 4096 * KIB);
  });
});

describe("untilMemories", () => {
  test("resolves if models are freed, and fails if three are not", async () => {
    const { created } = await countMemories();
    const load = async () => {
      const corom = await Corom.load(FOLDER);
      await corom.embed("裤");
      return corom;
    };
    for (let i = 0; i < 3; i++) (await load()).free();
    await untilMemories(0);
    const kept = [await load(), await load(), await load()];
    assert.equal((await countMemories()).created, created + 6);
    await assert.rejects(untilMemories(0), /3 of \d+ WebAssembly memories are alive/);
    await untilMemories(3);
    kept.forEach((corom) => corom.free());
    await untilMemories(0);
    assert.ok(kept.every(({ info }) => info.dimension > 0), "the freed objects are still referenced");
  });
});
