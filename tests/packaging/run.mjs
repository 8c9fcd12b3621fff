// Packs pkg/, installs the tarball into a new folder as a user does, and runs the tests there.
//
//   node run.mjs [FILE…]      FILE: only these tests
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const HERE = import.meta.dirname;
const PKG = path.join(HERE, "../../pkg");

installTools();
const workspace = mkdtempSync(path.join(tmpdir(), "corom-packaging-"));
try {
  const tarball = pack(workspace);
  install(workspace, tarball);
  Object.assign(process.env, { COROM_WORKSPACE: workspace, COROM_TARBALL: tarball });
  const { writeModel } = await import("./support/places.mjs"); // it reads these variables
  writeModel();
  process.exitCode = test();
} finally {
  rmSync(workspace, { recursive: true, force: true });
}

/** Installs the tools of package-lock.json, unless they are installed. */
function installTools() {
  const wanted = createHash("sha256").update(readFileSync(path.join(HERE, "package-lock.json"))).digest("hex");
  const stamp = path.join(HERE, "node_modules/.installed");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  npm(HERE, "ci", "--ignore-scripts");
  writeFileSync(stamp, wanted);
}

/** Runs `npm pack` as before a release. Returns the tarball's path. */
function pack(folder) {
  if (!existsSync(path.join(PKG, "wasm/corom.wasm"))) throw new Error("pkg/wasm is missing: run ./build.sh build");
  npm(PKG, "pack", "--silent", "--pack-destination", folder);
  const [name] = readdirSync(folder).filter((file) => file.endsWith(".tgz"));
  return path.join(folder, name);
}

/** Installs the tarball into a folder. Every project of the tests lies below that folder. */
function install(folder, tarball) {
  mkdirSync(path.join(folder, "projects"));
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name: "workspace", private: true, type: "module" }));
  npm(folder, "install", "--offline", "--ignore-scripts", tarball);
}

function npm(cwd, ...args) {
  const { status, error } = spawnSync("npm", [...args, "--no-audit", "--no-fund"], {
    cwd,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) throw new Error(`npm ${args[0]} failed in ${cwd}`, { cause: error });
}

/** Runs the tests, two files at a time. Returns the exit status. */
function test() {
  const named = process.argv.slice(2).map((file) => path.resolve(file));
  const files = readdirSync(HERE).filter((file) => file.endsWith(".test.mjs"));
  const chosen = named.length > 0 ? named : files.map((file) => path.join(HERE, file));
  const flags = ["--test", "--test-concurrency=2", "--test-timeout=600000", "--test-reporter=spec"];
  return spawnSync(process.execPath, [...flags, ...chosen], { stdio: "inherit" }).status ?? 1;
}
