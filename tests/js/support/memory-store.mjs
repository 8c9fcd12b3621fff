// A store of the cache (store-folder.js and others) that lives in memory.

export function memoryStore() {
  const folders = new Map();
  const written = new Map();
  const in_ = (folder) => folders.get(folder) ?? new Map();
  return {
    read: async (folder, name) => in_(folder).get(name),
    readParts: async (folder, name, ranges) => {
      const bytes = in_(folder).get(name);
      return bytes && ranges.map(([from, to]) => bytes.slice(from, to));
    },
    write: async (folder, name, bytes) => {
      folders.set(folder, in_(folder).set(name, bytes.slice()));
      written.set(`${folder}/${name}`, Date.now());
    },
    remove: async (folder, name) => void (name === undefined ? folders.delete(folder) : in_(folder).delete(name)),
    folders: async function* () {
      yield* [...folders.keys()];
    },
    names: async function* (folder) {
      yield* [...in_(folder).keys()];
    },
    modifiedAt: async (folder, name) => written.get(`${folder}/${name}`) ?? 0,
    /** Makes every file of a folder look written at `time`. */
    age: (folder, time) => in_(folder).forEach((_, name) => written.set(`${folder}/${name}`, time)),
    sizeOf: async (folder, name) => in_(folder).get(name)?.length ?? 0,
    *sizes() {
      for (const pieces of folders.values()) for (const piece of pieces.values()) yield piece.length;
    },
  };
}
