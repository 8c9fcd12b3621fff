// corom, through its npm package. Its times include tokenizing.

const NO_CACHES = { cache: "none", queryCache: 0 };

/** Opens a model; `options` are those of Corom.load. */
export async function open(place, { files, options: { advanced, ...options } }) {
  const { Corom } = await import(place.corom);
  // A version without `advanced` has these options beside the others.
  if (advanced) Object.assign(options, (await knowsOption(place, "advanced")) ? { advanced } : advanced);
  // CLS is CoROM's pooling, and the peers' first row is read. No result may come from a cache.
  const corom = await Corom.load(place.model[files], { pooling: "cls", maxLength: 128, ...NO_CACHES, ...options });
  const { simd, backend, version, kernel, device, gpu, weightBytes } = corom.info;
  return {
    facts: { simd, backend, version, kernel, device, gpu, weightBytes },
    // Read again after timing: the processor may have taken over meanwhile.
    fallback: () => corom.info.fallback,
    tokenize: async (text) => (await corom.tokenize(text)).ids,
    embed: async (inputs) => [...(await corom.embed(inputs.map(({ text }) => text)))],
    memory: () => corom.info.wasmMemory,
  };
}

/**
 * Returns true if `load` knows an option: it then rejects a value of the wrong type and names the option, before it
 * reads the empty folder.
 */
export async function knowsOption(place, name) {
  const { Corom } = await import(place.corom);
  try {
    (await Corom.load({}, { [name]: { not: "a value" } })).free();
  } catch (error) {
    return error.code === "INVALID_ARGUMENT" && error.message.includes(name);
  }
  return false;
}
