// `corom/convert` in Chromium, and the demo page with a checkpoint of this device.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import path from "node:path";
import { test } from "node:test";
import { native, readFolder, scratch } from "../support/converter.mjs";
import { ready, useDemoSite } from "../support/demo-site.mjs";
import { FIXTURES } from "../support/paths.mjs";

const site = useDemoSite();
const CHECKPOINT = path.join(FIXTURES, "checkpoints/zip-bert-prefix"); // with ModelScope's files

test("the page converts a ModelScope checkpoint that is opened as a folder, and ranks with it", async () => {
  const page = await site.open();
  await ready(page);
  await page.locator("#folder").setInputFiles(CHECKPOINT);
  await page.locator("#fact-list", { hasText: "int8" }).waitFor();
  await ready(page);
  assert.ok(await page.locator("#failure").isHidden());
  assert.deepEqual(site.complaints, []);
});

test("convert gives the native command's bytes for a FileList, reads it by ranges, and can be aborted", async (t) => {
  const out = path.join(scratch(t), "out");
  assert.equal(native("convert", CHECKPOINT, out, "--dtype", "int4").status, 0);
  const expected = [...readFolder(out)].map(([name, bytes]) => [name, createHash("sha256").update(bytes).digest("hex")]);
  const page = await site.open();
  await page.evaluate(() => {
    const input = document.createElement("input");
    Object.assign(input, { type: "file", id: "checkpoint", webkitdirectory: true });
    document.body.append(input);
  });
  await page.locator("#checkpoint").setInputFiles(CHECKPOINT);
  const actual = await page.evaluate(async () => {
    const { convert, inspect } = await import("/pkg/convert.js");
    const { files } = document.getElementById("checkpoint");
    const whole = [];
    for (const file of files) file.arrayBuffer = () => whole.push(file.name);
    const phases = new Set();
    const { files: made } = await convert(files, { dtype: "int4", onProgress: ({ phase }) => phases.add(phase) });
    const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const hashes = [];
    for (const [name, blob] of Object.entries(made)) {
      hashes.push([name, hex(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()))]);
    }
    const controller = new AbortController();
    const stopped = convert(files, { signal: controller.signal, onProgress: () => controller.abort() });
    const aborted = await stopped.catch(({ name }) => name);
    const refused = await convert(files, { out: "folder" }).catch(({ code, message }) => [code, message]);
    return { hashes, phases: [...phases], whole, aborted, refused, lines: await inspect(made, { check: true }) };
  });
  assert.deepEqual(actual.hashes.sort(), expected);
  assert.deepEqual(actual.phases, ["wasm", "convert", "self-test", "done"]);
  assert.deepEqual([actual.whole, actual.aborted], [[], "AbortError"]);
  assert.equal(actual.refused[0], "INVALID_ARGUMENT");
  assert.match(actual.refused[1], /file system/);
  assert.equal(actual.lines.at(-1), "self-test     passed");
});
