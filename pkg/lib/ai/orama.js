// A plugin of Orama that embeds documents and queries. https://docs.orama.com/docs/orama-js/plugins
import { ofType, text, unexpected } from "../arguments.js";
import { invalid } from "../errors.js";
import { readOptions } from "../option-names.js";
import { arraysOf, loadedModel } from "./loaded.js";

/** Orama's own limit drops hits whose cosine is under 0.8, whatever the model is. */
const EVERY_HIT = 0;

/**
 * Returns a plugin for `create({ plugins: [plugin] })`. It writes the vector of each document's text into `property`, and
 * embeds the term of searches of the modes vector and hybrid. `text` returns a document's text.
 *
 * Orama waits for a hook only if it is an async function, also after a build; it does not wait for afterCreate.
 */
export function oramaPlugin(corom, given) {
  const { dimension } = loadedModel(corom).info;
  const { property = "embedding", text: textOf, prompt, queryPrompt } = readOptions(
    given,
    ["property", "text", "prompt", "queryPrompt"],
    { call: "oramaPlugin" },
  );
  text(property, "property");
  ofType(textOf, "text", "function");
  /** The text whose vector a document has: a document that is changed and inserted again gets another one. */
  const embedded = new WeakMap();

  async function embed(documents) {
    const wanted = documents.map((document) => [document, text(textOf(document), "the result of text")]);
    const missing = wanted.filter(([document, content]) => embedded.get(document) !== content);
    const vectors = await arraysOf(corom, missing.map(([, content]) => content), { prompt });
    missing.forEach(([document, content], i) => {
      document[property] = vectors[i];
      embedded.set(document, content);
    });
  }

  return {
    name: "corom",
    afterCreate({ schema }) {
      const expected = `vector[${dimension}]`;
      if (schema[property] === expected) return;
      throw invalid(`schema.${property}: got ${JSON.stringify(schema[property])}; the model's vectors need "${expected}"`);
    },
    async beforeInsert(_, id, document) {
      await embed([document]);
    },
    async beforeInsertMultiple(_, documents) {
      await embed(documents);
    },
    async beforeSearch(_, params) {
      if (params.mode !== "vector" && params.mode !== "hybrid") return;
      params.similarity ??= EVERY_HIT;
      if (params.vector?.value !== undefined) return;
      if (typeof params.term !== "string") throw unexpected("term", params.term, "a string: it is embedded");
      params.vector = { value: Array.from(await corom.embed(params.term, { prompt: queryPrompt })), property };
    },
  };
}
