// Timing inside a page or process: warms up, then runs rounds in which the systems take turns.

const now = () => performance.now();
/** The minimum length of a sample, so that the resolution of a page's clock (0.1 ms) and interruptions matter little. */
const SAMPLE_MS = 20;
const MAX_CALLS = 64;

/** Engines optimize a function after it ran for a while. Warming up goes on while calls get faster, up to this limit. */
const MAX_WARM_UP_MS = 4000;
const FASTER = 0.97;

/** Calls `call` at least `calls` times and for `ms`, until it no longer gets faster. Returns the time of the fastest call. */
export async function warmUp(call, { calls = 4, ms }) {
  const start = now();
  let [fastest, since] = [Infinity, 0];
  for (let i = 0; ; i++) {
    const took = await timed(() => call(i));
    since = took < fastest * FASTER ? 0 : since + 1;
    fastest = Math.min(fastest, took);
    const elapsed = now() - start;
    if (i + 1 >= calls && elapsed >= ms && (since >= 3 || elapsed >= MAX_WARM_UP_MS)) return fastest;
  }
}

/** Returns how many calls make one sample. */
export const callsFor = (ms) => Math.min(MAX_CALLS, Math.max(1, Math.ceil(SAMPLE_MS / Math.max(ms, 0.05))));

/** Returns the milliseconds that `work` takes. */
export async function timed(work) {
  const start = now();
  await work();
  return now() - start;
}

/** Runs `sample(name, round)` for every name in every round, beginning with another name each time. Returns the results by
 * name. */
export async function takeTurns(names, rounds, sample) {
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round) % names.length];
      results[name].push(await sample(name, round));
    }
  }
  return results;
}
