// Watches the calls into the instances of corom-search.wasm on this thread. To be imported before `corom/search`.

/** The calls so far: `[name of the export, arguments]`. */
const calls = [];
/** Functions that replace exports: `(original, ...arguments)`. */
const replaced = new Map();

/** The function makeRoom of the catalog that called it last. */
let makeRoomOfLast;

const watch = (instance) => {
  if (!("catalog_makeRoom" in instance.exports)) return instance;
  const exports = {};
  for (const [name, original] of Object.entries(instance.exports)) {
    const isFunction = typeof original === "function" && /^(__wbg_)?catalog/.test(name);
    exports[name] = !isFunction
      ? original
      : (...args) => {
          calls.push([name, args]);
          if (name === "catalog_makeRoom") makeRoomOfLast = (bytes) => original(args[0], bytes);
          return replaced.has(name) ? replaced.get(name)(original, ...args) : original(...args);
        };
  }
  return Object.create(instance, { exports: { value: exports } });
};
const { instantiate, Instance } = WebAssembly;
WebAssembly.instantiate = async (...args) => {
  const result = await instantiate(...args);
  return result instanceof Instance ? watch(result) : { ...result, instance: watch(result.instance) };
};
WebAssembly.Instance = new Proxy(Instance, { construct: (target, args) => watch(new target(...args)) });

/** Returns the calls since the last time. */
export const takeCalls = () => calls.splice(0);

/** Returns the bytes of the rows that the catalog keeps for which room was made last. */
export const keptBytes = () => makeRoomOfLast(0);

/**
 * Makes catalogs keep no more than `bytes` of rows for later searches, as far as makeRoom decides it, until the returned
 * function is called. A small catalog then has to drop rows as a large one does.
 */
export function limitRows(bytes) {
  const KEPT_BYTES = 16 << 20; // single_rows.rs
  replaced.set("catalog_makeRoom", (makeRoom, pointer, more) => makeRoom(pointer, more + KEPT_BYTES - bytes));
  return () => replaced.delete("catalog_makeRoom");
}
