// Paths of the installed tarball, the projects beside it, the tools and the models.
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { withManifest } from "../../js/support/manifest.mjs";

export const HERE = fileURLToPath(new URL("../", import.meta.url));
export const ROOT = path.join(HERE, "../..");
export const WORKSPACE = fromEnvironment("COROM_WORKSPACE");
export const TARBALL = fromEnvironment("COROM_TARBALL");
export const INSTALLED = path.join(WORKSPACE, "node_modules/corom");
export const MODULES = path.join(HERE, "node_modules");

/** A model of 170 KB in the layout of `corom convert`; `golden` has PyTorch's vectors. */
export const MODEL = path.join(WORKSPACE, "model");
const FIXTURE = path.join(ROOT, "tests/fixtures/exports/classic-op17");
export const golden = JSON.parse(readFileSync(path.join(FIXTURE, "golden.json"), "utf8"));

/** Writes the small model. `run.mjs` calls this once, before the tests. */
export function writeModel() {
  mkdirSync(MODEL);
  const files = withManifest(FIXTURE, { pooling: "cls", max_length: golden.max_length });
  for (const [name, contents] of Object.entries(files)) writeFileSync(path.join(MODEL, name), contents);
}

function fromEnvironment(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests with \`node run.mjs\``);
  return value;
}

/** Makes a folder with these files beside the installed package; values are texts, or objects that become JSON. */
export function project(name, files = {}) {
  const folder = path.join(WORKSPACE, "projects", name);
  mkdirSync(folder, { recursive: true });
  for (const [file, contents] of Object.entries(files)) {
    const full = path.join(folder, file);
    mkdirSync(path.dirname(full), { recursive: true });
    writeFileSync(full, typeof contents === "string" ? contents : JSON.stringify(contents, null, 2));
  }
  return folder;
}

/** Copies the small model to `folder`. */
export function copyModel(folder) {
  cpSync(MODEL, folder, { recursive: true });
}

/** Returns the program of a tool that has one npm package per platform; its install script never runs. */
export function binary(scope, program) {
  const folder = path.join(MODULES, scope);
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    for (const place of [program, `bin/${program}`]) {
      const full = path.join(folder, name, place);
      if (existsSync(full)) return full;
    }
  }
  throw new Error(`${program} is not in ${folder}: run \`npm ci\` in tests/packaging`);
}
