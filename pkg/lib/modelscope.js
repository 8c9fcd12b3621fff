// ModelScope's sentence-embedding pipeline over the public calls of an instance. docs/corom.md describes the pipeline.
import { oneOf, readArgument, textOrTexts, unexpected } from "./arguments.js";
import { CALL_HINTS } from "./option-hints.js";
import { readOptions } from "./option-names.js";
import { invalid } from "./errors.js";

const VERSIONS = ["1.2", "latest"];
const OPTIONS = ["modelscopeVersion", "signal", "abortPrevious", "onProgress"];

/** Returns the pipeline of a loaded instance. */
export function sentenceEmbedding(corom) {
  if (typeof corom?.embed !== "function") throw unexpected("corom", corom, "a loaded instance of Corom");
  return async (input, options) => {
    const { sources, compared } = readArgument("an argument", () => checkInput(input));
    const { modelscopeVersion = "1.2", ...call } = readOptions(options, OPTIONS, {
      call: "sentenceEmbedding",
      hints: CALL_HINTS,
    });
    oneOf(modelscopeVersion, "modelscopeVersion", VERSIONS);
    const vectors = await corom.embed([...sources, ...compared], call);
    const [first, ...others] = vectors;
    const isScored = compared.length > 0 || modelscopeVersion === "1.2";
    const scores = isScored ? await corom.score(first, others, { metric: "dot", signal: call.signal }) : [];
    return { text_embedding: [first, ...others], scores: Array.from(scores) };
  };
}

/** Checks the input and returns its two lists. */
function checkInput(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw unexpected("input", value, "an object with source_sentence");
  }
  if (value.source_sentence === undefined || value.source_sentence === null) {
    throw invalid("input.source_sentence is missing; expected a string or an array of strings");
  }
  const sources = textOrTexts(value.source_sentence, "input.source_sentence");
  if (sources.length === 0) throw unexpected("input.source_sentence", sources, "at least one sentence");
  const compared = textOrTexts(value.sentences_to_compare ?? [], "input.sentences_to_compare");
  return { sources, compared };
}
