// An embedding model of the Vercel AI SDK: https://ai-sdk.dev/providers/community-providers/custom-providers
import { oneOf, text, texts } from "../arguments.js";
import { readOptions } from "../option-names.js";
import { arraysOf, loadedModel } from "./loaded.js";

const SPECIFICATIONS = ["v2", "v3", "v4"];
/** Texts per call: between calls the SDK can be aborted, and reports progress. */
const TEXTS_PER_CALL = 2048;

/**
 * Returns a model for `embed` and `embedMany` of the package `ai`. `specification` is the version of the SDK's interface:
 * `v2` for ai 5, `v3` for ai 6, `v4` for ai 7.
 */
export function embeddingModel(corom, given) {
  loadedModel(corom);
  const { modelId = "corom", specification = "v4", ...options } = readOptions(given, ["modelId", "specification", "prompt"], {
    call: "embeddingModel",
  });
  return {
    specificationVersion: oneOf(specification, "specification", SPECIFICATIONS),
    provider: "corom",
    modelId: text(modelId, "modelId"),
    maxEmbeddingsPerCall: TEXTS_PER_CALL,
    // One thread computes, so a second call at the same time gains nothing.
    supportsParallelCalls: false,
    async doEmbed({ values, abortSignal }) {
      const list = texts(values, "values");
      const embeddings = await arraysOf(corom, list, { ...options, signal: abortSignal });
      return { embeddings, warnings: [] };
    },
  };
}
