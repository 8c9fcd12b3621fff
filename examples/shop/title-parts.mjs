// Texts like those that customers type, made of titles: some words of a title, a run of its characters, and its model
// number in another spelling. A distillation learns from them where there are few queries.
import { Random } from "./random.mjs";

const PIECES = /[A-Za-z0-9][A-Za-z0-9./+-]*|\s+|./gsu;
const MODEL_NUMBER = /^[A-Za-z]+-?\d+[A-Za-z]*(-?\d+[A-Za-z]*)*$/;
const LONGEST_RUN = 10;
const MOST_WORDS = 4;

/** Returns the characters and Latin words of a title from one place on. */
function run(title, random) {
  const pieces = title.match(PIECES);
  const length = 2 + random.below(LONGEST_RUN - 1);
  const start = random.below(Math.max(1, pieces.length - length + 1));
  return pieces.slice(start, start + length).join("").trim();
}

/** Spells a model number without its dashes, in small letters, or both. */
function respelled(word, random) {
  if (!MODEL_NUMBER.test(word)) return word;
  return random.pick([word, word.toLowerCase(), word.replaceAll("-", ""), word.replaceAll("-", "").toLowerCase()]);
}

function words(title, random) {
  const all = title.split(/[\s·/]+/u).filter((word) => word !== "");
  return random.some(all, 1 + random.below(MOST_WORDS)).map((word) => respelled(word, random)).join(" ");
}

/** Returns `count` parts of each title, each text once. */
export function titleParts(titles, count, seed) {
  const random = new Random(seed);
  const parts = new Set();
  for (const title of titles) {
    const models = title.match(PIECES).filter((piece) => MODEL_NUMBER.test(piece));
    for (const model of models) parts.add(respelled(model, random));
    for (let i = 0; i < count; i++) {
      const part = random.chance(0.6) ? words(title, random) : run(title, random);
      if ([...part].length > 1) parts.add(part);
    }
  }
  return [...parts];
}
