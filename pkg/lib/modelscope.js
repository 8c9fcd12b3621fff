// ModelScope's pipelines over the public calls of an instance. docs/corom.md describes the pipelines.
import { oneOf, readArgument, textOrTexts, unexpected } from "./arguments.js";
import { CALL_HINTS, RERANK_HINTS } from "./option-hints.js";
import { readOptions } from "./option-names.js";
import { invalid } from "./errors.js";

const VERSIONS = ["1.2", "latest"];
const INPUT = ["source_sentence", "sentences_to_compare"];
const RANKING_OPTIONS = ["signal", "abortPrevious", "onProgress"];
const OPTIONS = ["modelscopeVersion", ...RANKING_OPTIONS];

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

/** Returns the text-ranking pipeline of a loaded reranker. */
export function textRanking(reranker) {
  const isReranker = typeof reranker?.rerank === "function" && typeof reranker.score === "function";
  if (!isReranker) throw unexpected("reranker", reranker, "a loaded instance of CoromReranker");
  return async (input, options) => {
    const { query, compared } = readArgument("an argument", () => checkRankingInput(input));
    const call = readOptions(options, RANKING_OPTIONS, { call: "textRanking", hints: RERANK_HINTS });
    return { scores: Array.from(await reranker.score(query, compared, call)) };
  };
}

/** Checks the input of the text-ranking pipeline. Returns the query and the list of sentences to compare. */
function checkRankingInput(value) {
  const sources = requiredTexts(value, "source_sentence");
  if (sources.length !== 1) throw unexpected("input.source_sentence", value.source_sentence, "exactly one query");
  return { query: sources[0], compared: requiredTexts(value, "sentences_to_compare") };
}

/** Checks a key of the input that must be there, and returns its list. */
function requiredTexts(input, key) {
  if (input === null || typeof input !== "object" || Array.isArray(input)) {
    throw unexpected("input", input, `an object with ${key}`);
  }
  readOptions(input, INPUT, { call: "the pipeline's input", argument: "input" }); // a misspelled key is none
  if (input[key] === undefined || input[key] === null) {
    throw invalid(`input.${key} is missing; expected a string or an array of strings`);
  }
  return textOrTexts(input[key], `input.${key}`);
}

/** Checks the input and returns its two lists. */
function checkInput(value) {
  const sources = requiredTexts(value, "source_sentence");
  if (sources.length === 0) throw unexpected("input.source_sentence", sources, "at least one sentence");
  const compared = textOrTexts(value.sentences_to_compare ?? [], "input.sentences_to_compare");
  return { sources, compared };
}
