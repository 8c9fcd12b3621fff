// Timing inside a page or process: warm up, then rounds in which the systems take turns.

const now = () => performance.now();
/** A sample lasts at least this long, so that a page's clock (0.1 ms) and one interruption weigh little. */
const SAMPLE_MS = 20;
const MOST_CALLS = 64;

/** An engine optimises a function only after it ran for a while: calls go on while they still get faster, up to this. */
const LONGEST_WARM_UP_MS = 4000;
const FASTER = 0.97;

/** Calls until the engine has optimised what runs: at least `calls` times and `ms` long. Gives the fastest call's time. */
export async function warmUp(call, { calls = 4, ms }) {
  const start = now();
  let [fastest, since] = [Infinity, 0];
  for (let i = 0; ; i++) {
    const took = await timed(() => call(i));
    since = took < fastest * FASTER ? 0 : since + 1;
    fastest = Math.min(fastest, took);
    const elapsed = now() - start;
    if (i + 1 >= calls && elapsed >= ms && (since >= 3 || elapsed >= LONGEST_WARM_UP_MS)) return fastest;
  }
}

/** How many calls make one sample. */
export const callsFor = (ms) => Math.min(MOST_CALLS, Math.max(1, Math.ceil(SAMPLE_MS / Math.max(ms, 0.05))));

/** Milliseconds of one piece of work. */
export async function timed(work) {
  const start = now();
  await work();
  return now() - start;
}

/** Runs `sample(name, round)` for every name in every round; who begins changes. Gives each name's results. */
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
