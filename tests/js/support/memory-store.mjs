// A store of the cache, in memory: what store-*.js are on a host.
export function memoryStore() {
  const folders = new Map();
  const in_ = (folder) => folders.get(folder) ?? new Map();
  return {
    read: async (folder, name) => in_(folder).get(name),
    write: async (folder, name, bytes) => void folders.set(folder, in_(folder).set(name, bytes.slice())),
    remove: async (folder, name) => void (name === undefined ? folders.delete(folder) : in_(folder).delete(name)),
    changed: async () => 0,
    folders: async function* () {
      yield* [...folders.keys()];
    },
    names: async function* (folder) {
      yield* [...in_(folder).keys()];
    },
    sizeOf: async (folder, name) => in_(folder).get(name)?.length ?? 0,
    *sizes() {
      for (const pieces of folders.values()) for (const piece of pieces.values()) yield piece.length;
    },
  };
}
