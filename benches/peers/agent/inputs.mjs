// Texts of an exact number of tokens, never the same text twice, so that no cache can help.
import { pick, randomFrom } from "../random.mjs";

/** Returns a function that makes a text of so many tokens. `vocabulary` has characters of one token each, their ids, and
 * those of [CLS] and [SEP]. */
export function textSource({ characters, character_ids, special_ids }, seed) {
  const random = randomFrom(seed);
  const list = [...characters].map((character, i) => ({ character, id: character_ids[i] }));
  return (tokens) => {
    const chosen = Array.from({ length: tokens - special_ids.length }, () => pick(random, list));
    return {
      text: chosen.map(({ character }) => character).join(""),
      ids: [special_ids[0], ...chosen.map(({ id }) => id), special_ids[1]],
    };
  };
}

/**
 * Returns a function that makes a query with `count` documents, each of a fixed number of tokens: `{ query, documents, pairs
 * }`. `pairs` have the ids and token types of each pair, as a BERT reads it.
 */
export function pairSource({ characters, character_ids, special_ids: [cls, sep] }, lengths, seed) {
  const random = randomFrom(seed);
  const list = [...characters].map((character, i) => ({ character, id: character_ids[i] }));
  const text = (length) => Array.from({ length }, () => pick(random, list));
  const textOf = (chosen) => chosen.map(({ character }) => character).join("");
  const idsOf = (chosen) => chosen.map(({ id }) => id);
  return (count) => {
    const query = text(lengths.query);
    const documents = Array.from({ length: count }, () => text(lengths.document));
    const pairs = documents.map((document) => ({
      ids: [cls, ...idsOf(query), sep, ...idsOf(document), sep],
      types: [...Array(lengths.query + 2).fill(0), ...Array(lengths.document + 1).fill(1)],
    }));
    return { query: textOf(query), documents: documents.map(textOf), pairs };
  };
}
