// Reads parts of a Blob or File.

/**
 * Returns the bytes of each range `[from, to]`, as far as the blob has them. The parts are read as one Blob: each read takes
 * about a millisecond.
 */
export async function partsOfBlob(blob, ranges) {
  const slices = ranges.map(([from, to]) => blob.slice(from, to));
  const joined = slices.length === 1 ? slices[0] : new Blob(slices);
  const bytes = new Uint8Array(await joined.arrayBuffer());
  let at = 0;
  return slices.map(({ size }) => bytes.subarray(at, (at += size)));
}
