// Compares two loads of a model.

/** Properties of `info` that must be equal. Others, such as the kernel, may change, or depend on the device. */
const INVARIANT_INFO = ["dimension", "labels", "layers", "heads", "vocabSize", "maxLength", "pooling", "normalize", "dtype"];

/** Returns whether two loads have the same model: by the hashes of its files (`content`), and by the properties of `info`. */
export const isSameModel = (a, b) =>
  a.content === b.content && INVARIANT_INFO.every((field) => String(a.info[field]) === String(b.info[field]));
