// The prompts of queries and items: those that `rank` uses too (src/prompts.rs).
//
// A model with prompts was trained to compare a query after its prompt with a document after another one. Its default prompt
// is that of neither.

/** The prompt of queries, and those of documents, in the order in which sentence-transformers tries them. */
const NAMES = { query: ["query"], document: ["document", "passage", "corpus"] };

/**
 * Returns the option `prompt` of `embed` for texts of a kind, `query` or `document`: the model's own prompt, or none.
 * Undefined for a model without prompts.
 */
export function promptOf({ prompts = {} }, kind) {
  if (Object.keys(prompts).length === 0) return undefined;
  const name = NAMES[kind].find((name) => Object.hasOwn(prompts, name));
  return name === undefined ? { text: "" } : { name };
}
