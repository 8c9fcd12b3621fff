// `device: "webgpu"` in Node with the npm package `webgpu`, on Chromium's SwiftShader. It installs 130 MB from the registry, so
// CI does not run it:
//
//   node tests/packaging/run.mjs tests/packaging/by-name/node-gpu.test.mjs
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import { before, describe, test } from "node:test";
import { TARBALL, copyModel, project } from "../support/places.mjs";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const TEXTS = Array.from({ length: 100 }, (_, i) => `${"阔腿裤女冬".repeat(1 + (i % 5))}${i}`);

const PROGRAM = `
import { create } from "webgpu";
const [entry, how] = process.argv.slice(2);
const { Corom } = await import(entry);
const texts = ${JSON.stringify(TEXTS)};
const options = { pooling: "cls", maxLength: 32, quality: "float" };
const advanced = how === "given" ? { gpu: create([]) } : undefined;
const warnings = [];
const onProgress = ({ phase, message }) => phase === "warning" && warnings.push(message);
const gpu = await Corom.load("./model", { ...options, device: how === "auto" ? "auto" : "webgpu", advanced, onProgress });
const cpu = await Corom.load("./model", options);
const [a, b] = [await gpu.embed(texts), await cpu.embed(texts)];
let least = 1;
for (let i = 0; i < a.rows; i++) {
  const [x, y] = [a.row(i), b.row(i)];
  const dot = (p, q) => p.reduce((sum, value, k) => sum + value * q[k], 0);
  least = Math.min(least, dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y)));
}
const { device, gpu: name, fallback } = gpu.info;
const devices = await Corom.devices();
gpu.free();
cpu.free();
console.log(JSON.stringify({ least, device, name, fallback, warnings, devices }));
`;

/** The driver beside Chromium. */
function swiftShader() {
  const folders = [path.dirname(realpathSync(CHROMIUM)), "/usr/lib/chromium", "/opt/google/chrome"];
  const file = folders.map((folder) => path.join(folder, "vk_swiftshader_icd.json")).find((name) => existsSync(name));
  assert.ok(file, "no SwiftShader beside Chromium: set CHROMIUM");
  return file;
}

let folder;
before(() => {
  folder = project("node-gpu", {
    "package.json": { type: "module", dependencies: { corom: `file:${TARBALL}`, webgpu: "0.6.2" } },
    "program.mjs": PROGRAM,
    "titles.txt": `${TEXTS.join("\n")}\n`,
  });
  copyModel(`${folder}/model`);
  const { status, stderr } = spawnSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

/** Runs Node in the project. It must end by itself: a device that was not destroyed would keep it running. */
function node(...args) {
  const icd = swiftShader();
  const env = { ...process.env, VK_ICD_FILENAMES: icd, VK_DRIVER_FILES: icd };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", env, timeout: 300_000 });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  return { stdout, stderr };
}

describe("Node with the npm package webgpu", () => {
  for (const [entry, how] of [["corom", "found"], ["corom", "given"], ["corom/worker", "found"]]) {
    test(`${entry} runs a model on the GPU of the package, which is ${how}`, () => {
      const { least, name, ...rest } = JSON.parse(node("program.mjs", entry, how).stdout);
      assert.deepEqual(rest, { device: "webgpu", warnings: [], devices: ["wasm", "webgpu"] });
      assert.ok(least >= 0.99999, `cosine ${least}`);
      assert.match(name, /swiftshader/i);
    });
  }

  test("auto stays on the CPU, because the GPU is emulated", () => {
    const { least, device, fallback } = JSON.parse(node("program.mjs", "corom", "auto").stdout);
    assert.deepEqual([least > 0.9999999, device], [true, "wasm"]);
    assert.match(fallback, /the processor emulates the GPU/);
  });

  test("npx corom embed --device gpu embeds on the GPU, and says so", () => {
    const corom = path.join(folder, "node_modules/corom/bin/corom.js");
    const { stderr } = node(corom, "embed", "titles.txt", "gpu.npy", "-m", "model", "--device", "gpu", "--quality", "float");
    assert.match(stderr, /SwiftShader.* ran the model/i);
    node(corom, "embed", "titles.txt", "cpu.npy", "-m", "model", "--quality", "float");
    const [a, b] = ["gpu.npy", "cpu.npy"].map((name) => readFileSync(path.join(folder, name)));
    assert.equal(a.length, b.length);
    const numbers = (bytes) => new Float32Array(bytes.buffer.slice(bytes.byteOffset + 128, bytes.byteOffset + bytes.length));
    const worst = Math.max(...numbers(a).map((x, i) => Math.abs(x - numbers(b)[i])));
    assert.ok(worst > 0 && worst < 1e-3, `numbers differ by ${worst}`);
  });
});
