// Queries with judged products. A product's grade follows from what it is, not from the words of its title.
import { AUDIENCES, COLORS, FEATURES } from "./features.mjs";
import { Random } from "./random.mjs";

/** The kinds of queries, by what makes them hard. */
export const KINDS = ["paraphrase", "slang", "missing", "model", "variant"];

/** A kind is used up after so many queries in a row that exist already. */
const MAX_TRIES = 1000;

/**
 * Returns at most `count` queries `{ id, kind, text, wants }` about products with these facts, the kinds in turns. `wants`
 * has what the customer wants: `type`, `features`, `audience`, `color`, `size`, `model`.
 */
export function queries(facts, count, seed) {
  const random = new Random(seed);
  const found = new Map();
  const kinds = [...KINDS];
  for (let tries = 0; found.size < count && kinds.length > 0; tries++) {
    const kind = kinds[found.size % kinds.length];
    const query = MAKE[kind](random.pick(facts), random);
    if (query !== undefined && !found.has(query.text)) {
      found.set(query.text, { id: `q${found.size}`, kind, ...query });
      tries = 0;
    } else if (tries > MAX_TRIES) {
      kinds.splice(kinds.indexOf(kind), 1);
      tries = 0;
    }
  }
  return [...found.values()];
}

const sayFeature = (type, word) => FEATURES[type.features].find(([name]) => name === word)[1];
const sayAudience = (category, word) => AUDIENCES[category].find(([name]) => name === word)[1];

const MAKE = {
  /** Describes the product, without a word of its title. */
  paraphrase({ type, features }, random) {
    const feature = random.pick(features);
    return { text: `${sayFeature(type, feature)}${random.pick(type.say)}`, wants: { type, features: [feature] } };
  },
  /** Names the product, and says who or what it is for as people talk. */
  slang({ type, category, audience, color, features }, random) {
    if (audience !== undefined) return { text: `${sayAudience(category, audience)}的${type.name}`, wants: { type, audience } };
    if (color !== undefined) return { text: `${COLORS.find(({ name }) => name === color.name).say}${type.name}`, wants: { type, color } };
    const feature = random.pick(features);
    return { text: `${sayFeature(type, feature)}${type.name}`, wants: { type, features: [feature] } };
  },
  /** Leaves the noun out. */
  missing({ category, audience, features, color }) {
    if (features.length < 2) return undefined;
    const words = [...(audience ? [audience] : []), ...features.slice(0, 3), ...(color && !audience ? [color.name] : [])];
    return { text: words.join(" "), wants: { category, audience, features: features.slice(0, 3), color: audience ? undefined : color } };
  },
  /** Spells the model number otherwise. */
  model({ type, model, size }, random) {
    if (model !== undefined) {
      const text = random.pick([model.toLowerCase(), model.replace(/[-\s]/g, ""), model.replace(/[-\s]/g, "").toLowerCase()]);
      return { text: random.chance(0.5) ? text : `${type.name} ${text}`, wants: { type, model } };
    }
    if (!["tire", "oil"].includes(type.size)) return undefined;
    const plain = size.split(" ")[0].replace(/[-/]/g, "");
    return { text: `${type.name}${random.pick([plain, plain.toLowerCase()])}`, wants: { type, size } };
  },
  /** Wants one variant: the others are almost right. */
  variant({ type, color, size }) {
    if (color === undefined && size === undefined) return undefined;
    return { text: [color?.name, type.name, size].filter(Boolean).join(" "), wants: { type, color, size } };
  },
};

/** Returns how well a product fits: 3 all of it, 2 most, 1 the kind of product alone, 0 not at all. */
export function grade({ type, category, features = [], audience, color, size, model }, fact) {
  if (type !== undefined && type !== fact.type) return 0;
  if (category !== undefined && category !== fact.category) return 0;
  if (model !== undefined) return model === fact.model ? 3 : 0;
  const wishes = [
    ...features.map((word) => fact.features.includes(word)),
    ...[["audience", audience], ["color", color], ["size", size]].filter(([, wish]) => wish !== undefined).map(([name, wish]) => fact[name] === wish),
  ];
  const met = wishes.filter(Boolean).length;
  if (met === wishes.length) return 3;
  if (2 * met >= wishes.length) return 2;
  return type === undefined ? 0 : 1;
}
