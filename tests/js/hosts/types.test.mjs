// types.test-d.ts and types-dom.test-d.ts under `tsc --strict`: the declarations, with Node's types and with the DOM's.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

const HERE = path.join(import.meta.dirname, "..");
const TSC = path.join(HERE, "node_modules/typescript/bin/tsc");

for (const config of ["tsconfig.json", "tsconfig.dom.json"]) {
  test(`tsc -p ${config} accepts the types`, () => {
    assert.ok(existsSync(TSC), "TypeScript is missing: run `npm ci` in tests/js");
    const { status, stdout, stderr } = spawnSync(process.execPath, [TSC, "-p", path.join(HERE, config)], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stdout + stderr);
  });
}
