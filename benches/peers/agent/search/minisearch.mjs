// MiniSearch with pairs of Chinese characters as terms. It has no vectors, and filters afterwards.
import { bigrams } from "./orama.mjs";

export async function open({ items, place }) {
  const { default: MiniSearch } = await import(place.minisearch);
  const mini = new MiniSearch({ fields: ["title"], storeFields: ["bucket"], tokenize: bigrams, processTerm: (term) => term });
  mini.addAll(items.map(({ title, bucket }, id) => ({ id, title, bucket })));
  return mini;
}

export function search(mini, query, { end, count }) {
  const found = mini.search(query, { filter: ({ bucket }) => bucket < end, prefix: (_, i, terms) => i === terms.length - 1 });
  return found.slice(0, count).map(({ id }) => id);
}

export const bytes = (mini) => new TextEncoder().encode(JSON.stringify(mini)).length;
