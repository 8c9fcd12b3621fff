// A WebAssembly binary in JavaScript, as gzip in base64. It is a third of the size of base64 without gzip.

/** Decodes the binary. Every current browser engine with WebAssembly SIMD has DecompressionStream. */
export async function decodeInlineWasm(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Response(new Response(bytes).body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
