// Loads of a small converted model from a server with faults, and what must be true of each.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Corom, CoromError, assertClose } from "./corom.mjs";
import { sharded } from "./manifest.mjs";

export const MODEL = sharded();
export const SHARD = "model.onnx_data";
export const NAMES = Object.keys(MODEL.files);
export const SIZE = NAMES.reduce((sum, name) => sum + MODEL.files[name].length, 0);

/** As the goldens were computed: any wrong bit of a weight shows. */
export const EXACT = { precision: "f32" };

/** Loads, compares the vectors and frees; gives the events. */
export async function loadsRight(source, options = {}, model = MODEL) {
  const events = [];
  const onProgress = (event) => {
    events.push(event);
    options.onProgress?.(event);
  };
  const corom = await Corom.load(source, { ...EXACT, ...options, onProgress });
  try {
    assertClose((await corom.embed(model.texts)).data, model.vectors.flat(), model.tolerance);
  } finally {
    corom.free();
  }
  return events;
}

/** The code that a load fails with, or "right". Vectors that differ, and errors without a code, fail the test. */
export async function outcomeOf(source, options) {
  try {
    await loadsRight(source, options);
    return "right";
  } catch (error) {
    if (error instanceof CoromError) return error.code;
    throw error;
  }
}

export const warningsOf = (events) => events.filter(({ phase }) => phase === "warning").map(({ code }) => code);

/** A folder for a cache, for as long as `work` takes. */
export async function withFolder(work) {
  const folder = mkdtempSync(path.join(tmpdir(), "corom-cache-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Checks requests: each file came whole, and every request but its first went on where the one before it ended. Gives
 * how many did not, as what was on its way when the connection broke may be lost on a busy machine.
 */
export function begunAgain(requests, files = MODEL.files) {
  let again = 0;
  for (const [name, bytes] of Object.entries(files)) {
    let at = 0;
    for (const { range, sent } of requests.filter((request) => request.name === name)) {
      const from = Number(/\d+/.exec(range ?? "0")[0]);
      assert.ok(from <= at, `${name}: asked from ${from} with ${at} bytes sent`);
      if (from < at) again++;
      at = from + sent;
    }
    assert.equal(at, bytes.length, `${name} came whole`);
  }
  return again;
}
