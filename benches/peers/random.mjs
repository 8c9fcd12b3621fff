// Random numbers that are the same in every run (a 32-bit xorshift with a multiplied output).

/** Returns a generator of numbers from 0 (inclusive) to 1 (exclusive). */
export function randomFrom(seed) {
  let state = (seed ^ 0x9e3779b9) | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (Math.imul(state, 0x2545f491) >>> 0) / 2 ** 32;
  };
}

export const pick = (random, list) => list[Math.floor(random() * list.length)];

/** Returns `count` different items of a list in random order. */
export function pickSeveral(random, list, count) {
  const rest = [...list];
  return Array.from(
    { length: Math.min(count, rest.length) },
    () => rest.splice(Math.floor(random() * rest.length), 1)[0],
  );
}
