// Model folders with prompts, from the fixtures of sentence-transformers.
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { FIXTURES, readJson } from "./paths.mjs";

const { cases } = readJson(path.join(FIXTURES, "sentence/prompts.json"));

/** Writes the model folder of a case of the fixtures into a folder. Returns its path. */
export function promptModel(folder, name) {
  const model = path.join(folder, name);
  for (const file of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
    cpSync(path.join(FIXTURES, "checkpoints/safetensors", file), path.join(model, file));
  }
  cpSync(path.join(FIXTURES, "sentence/dense-tanh.onnx"), path.join(model, "model.onnx"));
  for (const [file, { text }] of Object.entries(cases[name].files)) {
    mkdirSync(path.dirname(path.join(model, file)), { recursive: true });
    writeFileSync(path.join(model, file), text);
  }
  return model;
}
