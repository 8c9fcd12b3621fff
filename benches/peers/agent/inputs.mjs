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
