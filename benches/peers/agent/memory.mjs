// Finds every WebAssembly.Memory of this page or process by wrapping what creates one. Import this before any library.
const memories = new Set();

const note = (exports) => {
  for (const value of Object.values(exports)) if (value instanceof OwnMemory) memories.add(value);
};
const OwnMemory = WebAssembly.Memory;
const watched = (Class, seen) =>
  new Proxy(Class, {
    construct(target, list) {
      const made = Reflect.construct(target, list);
      seen(made);
      return made;
    },
  });
WebAssembly.Memory = watched(OwnMemory, (memory) => memories.add(memory));
WebAssembly.Instance = watched(WebAssembly.Instance, (instance) => note(instance.exports));
for (const name of ["instantiate", "instantiateStreaming"]) {
  const own = WebAssembly[name];
  if (!own) continue;
  WebAssembly[name] = async (...list) => {
    const made = await own.apply(WebAssembly, list);
    note((made.instance ?? made).exports);
    return made;
  };
}

/** Returns the bytes of all memories. A memory never shrinks, so this is the peak as long as none is dropped. */
export function wasmMemory() {
  let bytes = 0;
  for (const memory of memories) bytes += memory.buffer.byteLength;
  return bytes;
}
