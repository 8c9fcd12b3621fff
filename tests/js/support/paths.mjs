// Paths of the package, the fixtures and the models. What is missing fails, and says what to run.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const PKG = path.join(ROOT, "pkg");
export const FIXTURES = path.join(ROOT, "tests/fixtures");

export const exportFolder = (name) => path.join(FIXTURES, "exports", name);

export function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

/** Returns the names in a folder of fixtures, from its index. */
export function fixtureNames(kind) {
  const index = path.join(FIXTURES, kind, "index.json");
  if (!existsSync(index)) throw new Error(`${index} is missing: it is part of the repository`);
  return Object.keys(readJson(index));
}

export const golden = (name, kind = "exports") => readJson(path.join(FIXTURES, kind, name, "golden.json"));
/** Fixed texts and models with the bits of every vector; tests/bits.rs writes it. */
export const GOLDEN_BITS = readJson(path.join(FIXTURES, "bits/golden.json"));
export const goldenM3e = () => readJson(path.join(FIXTURES, "m3e-small/golden.json"));


/** Returns the folder of the converted m3e-small. */
export const m3eFolder = () => convertedFolder("COROM_M3E", "m3e-small");
/** Returns the folder of all-MiniLM-L6-v2, converted to int8. */
export const minilmFolder = () => convertedFolder("COROM_MINILM", "all-MiniLM-L6-v2");

function convertedFolder(variable, model) {
  const folder = process.env[variable];
  if (!folder)
    throw new Error(`${variable} is not set: run ./build.sh test hosts, or set it to the folder of ${model} that \`corom convert\` wrote`);
  if (!existsSync(path.join(folder, "corom.json")))
    throw new Error(`${variable}=${folder} has no corom.json: run ./build.sh test hosts`);
  return folder;
}

/** Reads files of a folder into memory, by path. */
export function filesOf(folder, paths) {
  return Object.fromEntries(paths.map((name) => [name, new Uint8Array(readFileSync(path.join(folder, name)))]));
}

export const MODEL_FILES = ["config.json", "tokenizer.json", "tokenizer_config.json", "configuration.json", "model.onnx"];
