// The package in pkg/, imported by its name as a user imports it, and assertions that all tests share.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { PKG } from "./paths.mjs";

for (const file of ["corom.js", "corom.wasm", "corom-relaxed.wasm", "corom-unfused.wasm"]) {
  if (!existsSync(path.join(PKG, "wasm", file))) throw new Error(`pkg/wasm/${file} is missing: run ./build.sh build --test-profile`);
}

export const { Corom, CoromError, CoromReranker } = await import("corom").catch((cause) => {
  throw new Error("the package is not linked in tests/js/node_modules: run `npm ci` in tests/js", { cause });
});

/**
 * Asserts that a promise (or what a function returns) is rejected with a CoromError of this code, or one of these, whose
 * message contains `mentions`. Returns the error.
 */
export async function failsWith(code, work, ...mentions) {
  let outcome;
  try {
    outcome = await (typeof work === "function" ? work() : work);
  } catch (error) {
    assert.ok(error instanceof CoromError, `not a CoromError: ${error?.stack ?? error}`);
    const codes = [code].flat();
    assert.ok(codes.includes(error.code), `${error.code}, not ${codes}: ${error.message}`);
    for (const part of mentions) assert.ok(error.message.includes(part), `"${part}" is not in: ${error.message}`);
    return error;
  }
  assert.fail(`resolved to ${String(outcome)}; expected ${code}`);
}

/** Returns the largest absolute difference; Infinity if a value is NaN or the lengths differ. */
export function maxAbs(a, b) {
  if (a.length !== b.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (Number.isNaN(difference)) return Infinity;
    if (difference > worst) worst = difference;
  }
  return worst;
}

export const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
export const cosine = (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

export function assertClose(actual, expected, tolerance, what = "vectors") {
  assert.equal(actual.length, expected.length, `${what} differ in length`);
  const worst = maxAbs(actual, expected);
  assert.ok(worst <= tolerance, `${what} differ by ${worst}, more than ${tolerance}`);
}

/** Resolves when a condition holds. If it never does, the test ends by its time limit. */
export async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Returns a generator of numbers from 0 to 1, the same in every run (mulberry32). */
export function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
