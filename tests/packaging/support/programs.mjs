// Runs a program to its end, and says all it said when it fails.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

/** What it printed. */
export function output(program, args, { cwd, env, input } = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    input,
    env: { ...process.env, NO_COLOR: "1", ...env },
    encoding: "utf8",
    timeout: 300_000,
    maxBuffer: 1 << 26,
  });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${signal ?? error ?? status}\n${stdout}\n${stderr}`);
  return stdout;
}

/** What it printed, as JSON. */
export const outputJson = (...args) => JSON.parse(output(...args));
