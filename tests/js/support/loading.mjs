// Loads a small converted model, and checks the outcome.
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

/** The precision of the golden vectors: they show any wrong bit of a weight. */
export const EXACT = { quality: "float" };

/** Loads a model, compares its vectors with the golden ones and frees it. Returns the progress events. */
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

/** Returns the code of a load's error, or "right". Other vectors, and errors without a code, fail the test. */
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

/** Calls `work` with a temporary folder. */
export async function withFolder(work) {
  const folder = mkdtempSync(path.join(tmpdir(), "corom-cache-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Asserts that each file was sent whole and that no request left a gap. Returns how many requests repeated bytes of the
 * request before, because bytes in flight may be lost when a connection closes.
 */
export function countRepeats(requests, files = MODEL.files) {
  let again = 0;
  for (const [name, bytes] of Object.entries(files)) {
    let at = 0;
    for (const { range, sent } of requests.filter((request) => request.name === name)) {
      const from = Number(/\d+/.exec(range ?? "0")[0]);
      assert.ok(from <= at, `${name}: asked from ${from} with ${at} bytes sent`);
      if (from < at) again++;
      at = from + sent;
    }
    assert.equal(at, bytes.length, `${name} was sent whole`);
  }
  return again;
}
