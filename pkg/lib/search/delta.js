// The bytes of a delta file.
import { unexpected } from "../arguments.js";
import { isBlob, isBytes, isResponse, uint8ArrayOf } from "../bytes.js";
import { blobOf } from "../source-memory.js";

/** Returns a copy of the bytes of a delta: bytes, a Blob or a Response. */
export async function deltaBytes(delta) {
  if (isBytes(delta)) return new Uint8Array(uint8ArrayOf(delta, "delta"));
  if (!isBlob(delta) && !isResponse(delta)) throw unexpected("delta", delta, "a delta file as bytes, a Blob or a Response");
  const blob = isResponse(delta) ? await blobOf("delta", delta) : delta;
  return new Uint8Array(await blob.arrayBuffer());
}
