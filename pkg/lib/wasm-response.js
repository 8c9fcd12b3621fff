// A Response that the caller passes as the option `wasm`.
import { shownAddress } from "./address.js";
import { invalid } from "./errors.js";

/** Throws INVALID_ARGUMENT for a Response without a body that can be read. */
export function checkWasmResponse(response) {
  if (!response.ok) throw invalid(`wasm: the server answered HTTP ${response.status} for ${shownAddress(response.url)}`);
  if (response.bodyUsed || response.body?.locked) throw invalid("wasm: the body of the Response was read before");
}
