// Runs programs in a Node that has relaxed SIMD: Node 20 and 21 have it behind a flag.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const isBehindFlag = Number(process.versions.node.split(".")[0]) < 22;
export const RELAXED_FLAGS = isBehindFlag ? ["--experimental-wasm-relaxed-simd"] : [];

/** Returns what the program printed, as JSON. `flags` are further flags of Node's. */
export async function nodeJson(script, argument, flags = []) {
  const { stdout } = await promisify(execFile)(process.execPath, [...RELAXED_FLAGS, ...flags, script, argument], {
    maxBuffer: 64 << 20,
  });
  return JSON.parse(stdout);
}
