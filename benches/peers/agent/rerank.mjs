// Reranks the documents of a query with several systems, in turns.
import { pairSource } from "./inputs.mjs";
import { takeTurns, timed, warmUp } from "./timing.mjs";
import { RERANKERS } from "../systems.mjs";

const WARM_MS = 400;

/**
 * Returns facts of the systems, their logits for `checks`, and for each way, `{ name, batch }`, a sample per round: the
 * milliseconds of `count` pairs, and those until `first` of them are scored.
 */
export async function rerank(place, names, { ways, count, first, rounds, reference }) {
  const { vocabulary, lengths, checks } = reference;
  const [systems, facts, logits, ids] = [{}, {}, {}, {}];
  for (const name of names) {
    const { module, settings } = RERANKERS[name];
    const system = (systems[name] = await (await import(`./systems/${module}.mjs`)).open(place, settings));
    facts[name] = system.facts;
    logits[name] = [];
    ids[name] = [];
    for (const { query, document, ...pair } of checks) {
      const [logit] = await system.score({ query, documents: [document], pairs: [pair] }, { batch: 1, first: 1, onFirst() {} });
      logits[name].push(logit);
      if (system.tokenize) ids[name].push((await system.tokenize(query, document)).ids);
    }
  }
  const fresh = pairSource(vocabulary, lengths);
  const sample = async ({ name, batch }) => {
    const input = fresh(count);
    const started = performance.now();
    let firstMs;
    const ms = await timed(() => systems[name].score(input, { batch, first, onFirst: () => (firstMs ??= performance.now() - started) }));
    return { ms, firstMs };
  };
  for (const way of Object.values(ways)) await warmUp(() => sample(way), { calls: 2, ms: WARM_MS });
  const samples = await takeTurns(Object.keys(ways), rounds, (way) => sample(ways[way]));
  return { facts, logits, ids, samples };
}
