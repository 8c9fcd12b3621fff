// A catalog through `corom/worker` with several numbers of workers, in turns.
import { takeTurns, timed } from "./timing.mjs";

const NO_CACHES = { cache: "none", queryCache: 0 };

/**
 * Returns milliseconds of `embed(texts)` per number of workers and round, and facts of the instances. Each instance embeds
 * the texts once before it is timed.
 */
export async function workers(place, texts, counts, rounds) {
  const { Corom } = await import(place.coromWorker);
  const pools = {};
  const facts = {};
  for (const count of counts) {
    pools[count] = await Corom.load(place.model.int8, { pooling: "cls", maxLength: 128, workers: count, ...NO_CACHES });
    await pools[count].embed(texts);
    const { simd, kernel, wasmMemory, workerMemory } = pools[count].info;
    facts[count] = { simd, kernel, wasmMemory, workerMemory };
  }
  const ms = await takeTurns(counts, rounds, (count) => timed(() => pools[count].embed(texts)));
  for (const pool of Object.values(pools)) pool.free();
  return { texts: texts.length, facts, ms };
}
