// Works on a store of the cache from several sides at once, also in a page.

/** Writes, reads, lists and removes the entries of one folder at the same time. Returns the errors; a file is whole or missing. */
export async function shareStore(store, { writes }) {
  const folder = "a".repeat(64);
  const errors = [];
  let isDone = false;
  const attempt = async (what, work) => {
    try {
      await work();
    } catch (error) {
      errors.push(`${what}: ${error?.code || error?.name}: ${error?.message}`);
    }
  };
  const bytesOf = (number) => new Uint8Array(200_000).fill(number + 1);
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const check = (number, part, size) => {
    // In OPFS, a file is empty until its first bytes are there.
    if (part?.length && !(part.length === size && part.every((byte) => byte === number + 1))) errors.push(`wrong bytes of ${number}`);
  };
  const write = async () => {
    for (let i = 0; i < writes; i++) {
      await attempt("write", () => store.write(folder, String(i % 5), bytesOf(i % 5)));
      await pause(10 * Math.random()); // a download is no faster
    }
    isDone = true;
  };
  const read = async () => {
    for (let i = 0; !isDone; i = (i + 1) % 5) {
      await attempt("read", async () => check(i, await store.read(folder, String(i)), 200_000));
      await attempt("readParts", async () => {
        const parts = (await store.readParts(folder, String(i), [[1000, 3000], [5, 10]])) ?? [];
        check(i, parts[0], 2000);
        check(i, parts[1], 5);
      });
    }
  };
  const list = async () => {
    while (!isDone) {
      await attempt("names", async () => {
        for await (const name of store.names(folder)) await store.sizeOf(folder, name);
      });
      await pause(1);
    }
  };
  const remove = async () => {
    for (let i = 0; !isDone; i++) {
      await attempt("remove", () => (i % 3 === 0 ? store.remove(folder, String(i % 5)) : store.remove(folder)));
      await pause(2);
    }
  };
  await Promise.all([write(), write(), read(), list(), remove(), remove()]);
  return [...new Set(errors)];
}
