// types*.test-d.ts under `tsc --strict`: the declarations, with Node's types and with the DOM's, and with the oldest and the
// newest TypeScript.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

const HERE = path.join(import.meta.dirname, "..");

/**
 * Compilers and configurations. TypeScript 5.0 has no `using`; from 5.7 on, typed arrays are generic, and from 5.9 on a
 * `Blob` takes only those with an ArrayBuffer.
 */
const RUNS = [
  ["typescript", "5.9", "tsconfig.json"],
  ["typescript", "5.9", "tsconfig.dom.json"],
  ["typescript-5.0", "5.0", "tsconfig.old.json"],
  ["typescript-5.4", "5.4", "tsconfig.old.json"],
  ["typescript-7.0", "7.0", "tsconfig.json"],
  ["typescript-7.0", "7.0", "tsconfig.dom.json"],
];

for (const [compiler, version, config] of RUNS) {
  test(`TypeScript ${version} accepts the types with ${config}`, () => {
    const folder = path.join(HERE, "node_modules", compiler);
    assert.ok(existsSync(folder), `${compiler} is missing: run \`npm ci\` in tests/js`);
    const { version: installed } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
    assert.ok(installed.startsWith(`${version}.`), installed);
    const tsc = path.join(folder, "bin/tsc");
    const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, "-p", path.join(HERE, config)], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stdout + stderr);
  });
}
