// The tarball's files and sizes, and the verdicts of publint and arethetypeswrong.
import assert from "node:assert/strict";
import { statSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { HERE, INSTALLED, MODULES, TARBALL } from "./support/places.mjs";
import { output } from "./support/programs.mjs";

const KIB = 1024;
const files = readdirSync(INSTALLED, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => path.relative(INSTALLED, path.join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
  .sort();
const sizeOf = (file) => statSync(path.join(INSTALLED, file)).size;
const generated = (file) => /^(wasm|models)\//.test(file);

test("the tarball contains the files of package.json and no others", (t) => {
  for (const file of files) t.diagnostic(`${String(sizeOf(file)).padStart(9)}  ${file}`);
  const { files: patterns } = JSON.parse(readFileSync(path.join(INSTALLED, "package.json"), "utf8"));
  const filesOf = (folder) =>
    readdirSync(path.join(HERE, "../../pkg", folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(path.join(HERE, "../../pkg"), path.join(entry.parentPath, entry.name)))
      .map((name) => name.replaceAll("\\", "/"));
  const expected = patterns
    .flatMap((pattern) => (["bin", "lib", "models", "types", "www"].includes(pattern) ? filesOf(pattern) : [pattern]))
    .concat("package.json", "README.md", "LICENSE")
    .sort();
  assert.deepEqual(files, expected);
});

test("the tarball and its parts stay within their sizes", (t) => {
  const tarball = statSync(TARBALL).size;
  const written = files.filter((file) => !generated(file));
  const writtenSize = written.reduce((sum, file) => sum + sizeOf(file), 0);
  const gzip = (file) => gzipSync(readFileSync(path.join(INSTALLED, file))).length;
  const names = ["corom.wasm", "corom-relaxed.wasm", "corom-unfused.wasm", "corom-gpu.wasm", "corom-convert.wasm", "corom-search.wasm", "corom-index.wasm", "inline.js"];
  const models = files.filter((file) => file.startsWith("models/"));
  const binaries = [...names.map((name) => `wasm/${name}`), ...models].reduce((sum, name) => sum + gzip(name), 0);
  t.diagnostic(`tarball ${kib(tarball)}; the binaries and models, gzip ${kib(binaries)}; all else, unpacked ${kib(writtenSize)}`);
  assert.ok(writtenSize <= 940 * KIB, `files written by hand: ${kib(writtenSize)}`);
  // The size of a binary depends on the build profile, and scripts/package.sh limits it. The rest of the tarball is small.
  assert.ok(tarball <= binaries + 320 * KIB, `${kib(tarball)}, of it ${kib(binaries)} binaries and models`);
  assert.ok(tarball <= 18 * KIB * KIB, kib(tarball));
  const inline = gzip("wasm/inline.js") / gzip("wasm/corom.wasm");
  assert.ok(inline < 1.05, `corom/inline is ${inline.toFixed(2)} times the download of corom.wasm`);
});

test("publint has no remarks", async () => {
  const { messages, pkg } = await publint({ pkgDir: INSTALLED, level: "suggestion", strict: true, pack: false });
  // The field `browser` is for tools that do not know `exports`, which says the same.
  const remarks = messages.filter(({ code }) => code !== "USE_EXPORTS_BROWSER");
  assert.deepEqual(
    remarks.map((message) => formatMessage(message, pkg)),
    [],
  );
});

test("arethetypeswrong is content", () => {
  // ESM only, so CommonJS reaches it by import(), or by require() in a Node that can: the one rule left out. The
  // .wasm files have types too, but not where TypeScript knows no exports map.
  output(process.execPath, [
    path.join(MODULES, "@arethetypeswrong/cli/dist/index.js"),
    ...["--profile", "strict", "--ignore-rules", "cjs-resolves-to-esm", "--format", "ascii", "--no-color"],
    ...["--exclude-entrypoints", "./corom.wasm", "./corom-relaxed.wasm", "./corom-unfused.wasm", "./corom-convert.wasm", "./corom-search.wasm"],
    ...["--", TARBALL],
  ]);
});

const kib = (bytes) => `${Math.ceil(bytes / KIB)} KiB`;
