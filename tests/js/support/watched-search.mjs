// Watches the calls into the instances of corom-search.wasm on this thread. To be imported before `corom/search`.

/** The calls so far: `[name of the export, arguments]`. */
const calls = [];
/** Functions that replace exports: `(original, ...arguments)`. */
const replaced = new Map();

/** The function makeRoom of the catalog that called it last. */
let makeRoomOfLast;
/** The objects that the instance which was created last has now. */
let live;

/** Counts what a call with `args` that returned `result` creates and frees. Objects that only the collector frees stay. */
function count(objects, name, args, result) {
  if (name === "catalogfile_new") objects.files++;
  if (name === "catalog_open" || name === "catalog_openCodes") objects.files--;
  if (name.startsWith("catalog_open") && !result[2]) objects.catalogs++;
  if (name === "__wbg_catalogfile_free" && args[1] === 0) objects.files--;
  if (name === "__wbg_catalog_free" && args[1] === 0) objects.catalogs--;
  return result;
}

const watch = (instance) => {
  if (!("catalog_makeRoom" in instance.exports)) return instance;
  const exports = {};
  const own = (live = { files: 0, catalogs: 0 });
  for (const [name, original] of Object.entries(instance.exports)) {
    const isFunction = typeof original === "function" && /^(__wbg_)?catalog/.test(name);
    exports[name] = !isFunction
      ? original
      : (...args) => {
          calls.push([name, args]);
          if (name === "catalog_makeRoom") makeRoomOfLast = (bytes) => original(args[0], bytes);
          const result = replaced.has(name) ? replaced.get(name)(original, ...args) : original(...args);
          return count(own, name, args, result);
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

/** Makes the next call of an export throw `error`. */
export const failNext = (name, error) =>
  replaced.set(name, () => {
    replaced.delete(name);
    throw error;
  });

/** Returns the calls since the last time. */
export const takeCalls = () => calls.splice(0);

/** Returns the number of files and catalogs in the memory of the instance that was created last. */
export const liveObjects = () => ({ ...live });

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
