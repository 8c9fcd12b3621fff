// Product titles of mixed lengths from word lists and a seed: from a few words, as in a search box, to the long titles of
// shops.
import { COMMON, DEPARTMENTS } from "./catalog-words.mjs";
import { pick, pickSeveral, randomFrom } from "./random.mjs";

const SEED = 3;

/** Returns `count` different titles, the same in every run. */
export function catalog(count, seed = SEED) {
  const random = randomFrom(seed);
  const titles = new Set();
  while (titles.size < count) titles.add(title(random));
  return [...titles];
}

function title(random) {
  const department = pick(random, DEPARTMENTS);
  // A fifth are as short as queries; the others grow evenly up to the longest titles of shops.
  const wordy = random() < 0.2 ? 0 : random();
  const words = [];
  if (random() < wordy) words.push(pick(random, COMMON.time));
  if (random() < wordy) words.push(pick(random, COMMON.praise));
  if (random() < 0.3 + wordy / 2) words.push(pick(random, COMMON.people));
  if (random() < 0.3 + wordy / 2) words.push(pick(random, department.material));
  words.push(...pickSeveral(random, department.feature, Math.floor(random() * 2 + wordy * 5)));
  words.push(...pickSeveral(random, department.item, random() < wordy / 2 ? 2 : 1));
  if (random() < wordy) words.push(pick(random, COMMON.colour));
  const tail = [];
  if (random() < wordy) tail.push(pick(random, department.measure));
  if (random() < wordy) tail.push(...pickSeveral(random, COMMON.service, random() < 0.3 ? 2 : 1));
  return [words.join(""), ...tail].join(" ");
}
