// A delta file that the caller has: its bytes, and the file in an instance.
import { throwIfAborted } from "../abort.js";
import { unexpected } from "../arguments.js";
import { isBlob, isBytes, isResponse, uint8ArrayOf } from "../bytes.js";
import { blobOf } from "../source-memory.js";
import { YieldTimer } from "../yield-timer.js";

/** Bytes that are checked at once. */
const CHUNK_BYTES = 1 << 20;

/** Returns a copy of the bytes of a delta: bytes, a Blob or a Response. */
export async function deltaBytes(delta) {
  if (isBytes(delta)) return new Uint8Array(uint8ArrayOf(delta, "delta"));
  if (!isBlob(delta) && !isResponse(delta)) throw unexpected("delta", delta, "a delta file as bytes, a Blob or a Response");
  const blob = isResponse(delta) ? await blobOf("delta", delta) : delta;
  return new Uint8Array(await blob.arrayBuffer());
}

/** Returns a CatalogFile with the bytes of a delta, which it checks. `call(work)` calls `work` with the bindings. */
export async function receivedDelta(call, bytes, signal) {
  const file = call(({ CatalogFile }) => new CatalogFile(bytes.length));
  try {
    const yieldTimer = new YieldTimer();
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      if (yieldTimer.isDue) await yieldTimer.yieldNow();
      throwIfAborted(signal);
      call(() => file.feed(bytes.subarray(at, at + CHUNK_BYTES)));
    }
    call(() => file.checkComplete());
    return file;
  } catch (error) {
    try {
      call(() => file.free());
    } catch {
      // The instance is gone, and its whole memory with it.
    }
    throw error;
  }
}
