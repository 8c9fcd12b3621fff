// Makes the products of a shop that does not exist, with what each of them is: the queries are judged by that.
import { AUDIENCES, BRANDS, COLORS, FEATURES, HABITS } from "./features.mjs";
import { Random } from "./random.mjs";
import { SIZES } from "./sizes.mjs";
import { TYPES } from "./types.mjs";

export const SEED = 20261129;
const LARGEST_SALES = 50_000;
const PER_GROUP = 4;

/**
 * Returns `{ items, facts }`: `items` are the products as `corom index` takes them; `facts[i]` is what product `i` is:
 * `{ type, category, brand, audience, features, color, size, model }`. Variants of a product have the same `group`.
 */
export function products(count, seed = SEED) {
  const random = new Random(seed);
  const [items, facts] = [[], []];
  for (let group = 0; items.length < count; group++) {
    const product = newProduct(random);
    const variants = variantsOf(product, random).slice(0, count - items.length);
    const habits = random.some(HABITS, 1 + random.below(4));
    const base = { price: priceOf(product, random), sales: random.skewed(LARGEST_SALES), rating: 3 + random.below(21) / 10 };
    for (const variant of variants) {
      const fact = { ...product, ...variant };
      items.push(itemOf(fact, { id: items.length, group, habits, ...base }, random));
      facts.push(fact);
    }
  }
  return { items, facts };
}

function newProduct(random) {
  const type = random.pick(TYPES);
  const brand = random.pick(BRANDS.filter(({ categories }) => categories.includes(type.category)));
  const audiences = AUDIENCES[type.category];
  return {
    type,
    category: type.category,
    brand,
    audience: audiences && random.chance(0.8) ? random.pick(audiences)[0] : undefined,
    features: random.some(FEATURES[type.features], 1 + random.below(4)).map(([word]) => word),
    model: type.model && modelNumber(type.model, random),
  };
}

const LETTERS = "ABCDEFGHKLMNPQRSTVWXZ";
function modelNumber(pattern, random) {
  return pattern.replace(/[A9]/g, (kind) => (kind === "9" ? String(1 + random.below(9)) : LETTERS[random.below(LETTERS.length)]));
}

function variantsOf({ type }, random) {
  const colors = type.colors ? random.some(COLORS, 1 + random.below(PER_GROUP)) : [undefined];
  const sizes = type.size ? random.some(SIZES[type.size], 1 + random.below(2)) : [undefined];
  const all = colors.flatMap((color) => sizes.map((size) => ({ color, size })));
  return all.slice(0, PER_GROUP);
}

function priceOf({ type }, random) {
  const [low, high] = type.price;
  const price = low * (high / low) ** (random.below(1000) / 1000);
  return Math.round(price) - 0.1;
}

function itemOf(fact, { id, group, habits, price, sales, rating }, random) {
  const { type, category, brand, audience, features, color, size, model } = fact;
  const item = {
    id: `p${id}`,
    title: titleOf(fact, habits, random),
    brand: `${brand.name} ${brand.latin}`,
    category,
    type: type.name,
    price: size === undefined ? price : Number((price * (1 + 0.05 * SIZES[type.size].indexOf(size))).toFixed(1)),
    sales: Math.floor(sales / (1 + random.below(4))),
    rating: Number(rating.toFixed(1)),
    stock: random.chance(0.9),
    features,
    group: `g${group}`,
    shape: type.shape,
  };
  if (audience !== undefined) item.audience = audience;
  if (color !== undefined) Object.assign(item, { color: color.name, hex: color.hex });
  if (size !== undefined) item.size = size;
  if (model !== undefined) item.model = model;
  return item;
}

/** Titles are heaps of words: brand, audience, promises, several nouns, habits, and the variant at the end. */
function titleOf({ type, brand, audience, features, color, size, model }, habits, random) {
  const nouns = [type.name, ...random.some(type.also, random.below(type.also.length + 1))];
  const middle = random.shuffled([...features, ...(audience ? [audience] : []), ...habits]);
  const cut = random.below(middle.length + 1);
  const words = [
    ...(random.chance(0.6) ? [random.chance(0.3) ? `${brand.name}/${brand.latin}` : brand.name] : []),
    ...(model ? [model] : []),
    ...middle.slice(0, cut),
    ...nouns,
    ...middle.slice(cut),
    ...(color ? [color.name] : []),
    ...(size ? [size] : []),
  ];
  const joint = random.pick(["", "", "", " ", " ", "·"]);
  // A Latin word or a number would grow together with its neighbor.
  return words.reduce((title, word) => title + (/[\w.]$/.test(title) && /^[\w.]/.test(word) && joint === "" ? " " : title === "" ? "" : joint) + word, "");
}

/** The schema of `corom index build`. */
export const SCHEMA = {
  fields: [
    { name: "title", weight: 1 },
    { name: "brand", weight: 0.6 },
    { name: "type", weight: 0.8 },
  ],
  attributes: [
    { name: "category", kind: "string" },
    { name: "audience", kind: "string" },
    { name: "color", kind: "string" },
    { name: "features", kind: "tags" },
    { name: "price", kind: "number" },
    { name: "sales", kind: "number" },
    { name: "rating", kind: "number" },
    { name: "stock", kind: "boolean" },
    { name: "group", kind: "string" },
  ],
  stored: ["shape", "hex", "size", "model"],
};
