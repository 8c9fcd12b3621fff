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

describe("countMemories", () => {
  test("counts a model's memory until the model is freed, and after free() if something still refers to it", async () => {
    const before = await countMemories();
    const corom = await Corom.load(FOLDER);
    assert.deepEqual(await countMemories(), { created: before.created + 1, alive: before.alive + 1 });
    corom.free();
    await untilMemories(before.alive);
    assert.ok(corom.info.dimension > 0, "the instance itself is still there");
  });

  test("counts the memory of a model that is never freed", async () => {
    const { alive } = await countMemories();
    const kept = await Corom.load(FOLDER);
    await kept.embed("裤");
    assert.equal((await countMemories()).alive, alive + 1);
    kept.free();
  });
});
