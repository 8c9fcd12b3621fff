// SHA-256 with Node's OpenSSL: 0.05 s for the 100 MB of a base model, against 0.27 s in WebAssembly.

/** Returns a function that creates a hasher `{ update(bytes), digest() }`. */
export async function createHasherFactory() {
  const { createHash } = await import("node:crypto");
  return () => {
    const hash = createHash("sha256");
    return { update: (bytes) => hash.update(bytes), digest: () => hash.digest("hex") };
  };
}
