// The installed tarball under Jest, which runs tests in vm contexts: all classes of JavaScript are those of a realm.
import assert from "node:assert/strict";
import { symlinkSync, mkdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { golden, MODEL, MODULES, project } from "./support/places.mjs";
import { output } from "./support/programs.mjs";

const TEXT = JSON.stringify(golden.texts[1]);
const VECTOR = JSON.stringify(golden.vectors.cls[1]);

/** A test file of Jest. \`folder\`: whether this environment can load from a folder, and start a worker. */
const jestTest = (environment, { hasDisk }) => `/** @jest-environment ${environment} */
import fs from "node:fs";
import path from "node:path";
import { Corom, CoromError } from "corom";
import { Corom as InWorker } from "corom/worker";

const MODEL = ${JSON.stringify(MODEL)};
const files = Object.fromEntries(fs.readdirSync(MODEL).map((name) => [name, fs.readFileSync(path.join(MODEL, name))]));
const own = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, Uint8Array.from(bytes)]));

const check = async (Class, source) => {
  const corom = await Class.load(source, { quality: "float" });
  const vector = await corom.embed(${TEXT});
  expect(vector).toBeInstanceOf(Float32Array);
  ${VECTOR}.forEach((x, i) => expect(Math.abs(x - vector[i])).toBeLessThan(1e-4));
  expect(JSON.parse(JSON.stringify(await corom.embed([${TEXT}])))).toBeTruthy();
  corom.free();
};

test("loads from bytes of Node and of this realm, and from text", async () => {
  await check(Corom, files);
  await check(Corom, own);
  await check(Corom, new Map(Object.entries({ ...own, "config.json": files["config.json"].toString("utf8") })));
});

test("errors are of the class that the entry exports", async () => {
  await expect(Corom.load({})).rejects.toBeInstanceOf(CoromError);
});

${hasDisk ? `test("loads from a folder, and in a worker", async () => {
  await check(Corom, MODEL);
  await check(InWorker, MODEL);
  await check(InWorker, own);
});` : `test("says that there are no workers", async () => {
  await expect(InWorker.load(own)).rejects.toMatchObject({ code: "UNSUPPORTED_HOST" });
});`}
`;

function jest(name, contents, config = {}) {
  const folder = project(name, {
    "package.json": { name, private: true, type: "module" },
    "jest.config.json": { testTimeout: 120_000, transform: {}, ...config },
    "corom.test.js": contents,
  });
  mkdirSync(path.join(folder, "node_modules"));
  symlinkSync(path.join(MODULES, "jest-environment-jsdom"), path.join(folder, "node_modules/jest-environment-jsdom"));
  const program = path.join(MODULES, "jest/bin/jest.js");
  const env = { NODE_OPTIONS: "--experimental-vm-modules" };
  return output(process.execPath, [program, "--no-cache", "--watchman=false", "--json"], { cwd: folder, env });
}

const passed = (text) => JSON.parse(text).numPassedTests;

test("Jest's default environment loads from bytes, text, folders, and in a worker", () => {
  assert.equal(passed(jest("jest-node", jestTest("node", { hasDisk: true }))), 3);
});

test("Jest with jsdom loads from bytes and text, in the entry for browsers", () => {
  assert.equal(passed(jest("jest-jsdom", jestTest("jsdom", { hasDisk: false }))), 3);
});

test("Jest with jsdom and the condition node has folders and workers too", () => {
  const testEnvironmentOptions = { customExportConditions: ["node", "node-addons"] };
  assert.equal(passed(jest("jest-jsdom-node", jestTest("jsdom", { hasDisk: true }), { testEnvironmentOptions })), 3);
});
