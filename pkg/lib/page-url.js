// URLs in a page.
import { shownAddress } from "./address.js";
import { invalid } from "./errors.js";

/** Resolves a URL against the page. `name` is the argument, for error messages. */
export function resolveUrl(text, name) {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  try {
    return new URL(text, base);
  } catch {
    throw invalid(`${name}: ${JSON.stringify(shownAddress(String(text)))} is not a valid URL`);
  }
}
