// Checks what the adapters are given, and embeds with it.
import { unexpected } from "../arguments.js";

/** Checks a loaded model: an instance of `Corom` of any entry. */
export function loadedModel(corom) {
  if (typeof corom?.embed === "function" && corom.info?.dimension !== undefined) return corom;
  throw unexpected("corom", corom, "a loaded model: await Corom.load(…)");
}

/** Returns an array of numbers per text, as other libraries keep vectors. */
export async function arraysOf(corom, texts, options) {
  return (await corom.embed(texts, options)).toArray();
}
