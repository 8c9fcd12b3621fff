// Every WebAssembly.Memory of this page or process, by watching the ways to get one. Import this before any library.
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

/** Bytes of all of them together. A memory never shrinks, so while none is dropped this is the peak. */
export function wasmMemory() {
  let bytes = 0;
  for (const memory of memories) bytes += memory.buffer.byteLength;
  return bytes;
}
