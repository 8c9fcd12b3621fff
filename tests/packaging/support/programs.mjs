// Runs programs. An error contains all that the program printed.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

/** Runs a program and returns what it printed; another status than 0 is an error. */
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

/** Runs a program and parses what it printed as JSON. */
export const outputJson = (...args) => JSON.parse(output(...args));
