// The native command, folders for one test, and the converter's binary compiled once.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PKG, ROOT } from "./paths.mjs";

const NATIVE = path.join(ROOT, "target/debug", process.platform === "win32" ? "corom.exe" : "corom");
const BINARY = path.join(PKG, "wasm/corom-convert.wasm");
export const COMMAND = path.join(PKG, "bin/corom.js");

for (const [file, command] of [
  [NATIVE, "cargo build --locked --features cli"],
  [BINARY, "./build.sh build --test-profile"],
]) {
  if (!existsSync(file)) throw new Error(`${file} is missing: run ${command}`);
}

/** The compiled binary, for the option `wasm`: compiling it takes longer than converting a fixture. */
export const converterModule = () => WebAssembly.compile(readFileSync(BINARY));

/** Runs the native command. */
export const native = (...args) => run(NATIVE, args);
/** Runs the package's command. */
export const corom = (...args) => run(process.execPath, [COMMAND, ...args]);

function run(program, args) {
  const { status, signal, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return { status, signal, stdout, stderr };
}

/** Makes an empty folder that is deleted after the test `t`. */
export function scratch(t) {
  const folder = mkdtempSync(path.join(tmpdir(), "corom-convert-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Reads all files of a folder, at most one level deep: a map from path to bytes. */
export function readFolder(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files
      .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
      .map((file) => [path.relative(folder, file).replaceAll("\\", "/"), readFileSync(file)])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Returns the paths whose bytes differ between two maps of files. */
export function differingFiles(a, b) {
  const paths = new Set([...a.keys(), ...b.keys()]);
  return [...paths].filter((name) => !a.has(name) || !b.has(name) || Buffer.compare(a.get(name), b.get(name)) !== 0);
}
